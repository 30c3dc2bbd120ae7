// A few threads for work that takes long, made when there is some.
#ifndef WSLM_RUNTIME_V1_LXCORE_THREAD_POOL_H_
#define WSLM_RUNTIME_V1_LXCORE_THREAD_POOL_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <queue>

namespace wslm::lxcore {

// Never destroyed while it works: the process ends. Thread-safe.
class ThreadPool {
 public:
  // `work` is done once, in its turn.
  void Post(std::function<void()> work);

 private:
  static constexpr int kMostThreads = 4;

  void Work();

  std::mutex mutex_;
  std::condition_variable posted_;
  std::queue<std::function<void()>> queue_;
  int threads_ = 0;
  int idle_ = 0;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_THREAD_POOL_H_
