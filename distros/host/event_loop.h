// One thread's wait for descriptors and times. Nothing wakes it while neither is due.
//
//   EventLoop loop;
//   loop.Watch(fd, EPOLLIN, [&](uint32_t events) { … });
//   loop.After(std::chrono::seconds(1), [&] { loop.Quit(); });
//   loop.Run();
//
// Standard library only: the static programs have it.
#ifndef WSLM_DISTROS_HOST_EVENT_LOOP_H_
#define WSLM_DISTROS_HOST_EVENT_LOOP_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>

#include "distros/host/unique_fd.h"

namespace wslm {

// Not thread-safe. Callbacks may change what is watched, themselves included.
class EventLoop {
 public:
  using Clock = std::chrono::steady_clock;
  // With epoll's events.
  using Callback = std::function<void(uint32_t events)>;
  // 0 is none.
  using Timer = uint64_t;

  EventLoop();

  // Calls `callback` while one of `events` holds, and at a hang-up. `events` 0: not even then. EPOLLET: only when one
  // begins to hold. A second Watch of a descriptor replaces the first. False, with errno: it can't be watched.
  bool Watch(int fd, uint32_t events, Callback callback);
  // Changes the events of a watched descriptor.
  void Change(int fd, uint32_t events);
  // To be called before the descriptor is closed.
  void Forget(int fd);

  // Calls once, from Run. Cancel of one that was called is harmless.
  Timer After(std::chrono::milliseconds delay, std::function<void()> callback);
  void Cancel(Timer timer);

  // Called after each batch of events, before the next wait.
  void set_after_batch(std::function<void()> callback) { after_batch_ = std::move(callback); }

  // Until Quit; may be called again.
  void Run();
  void Quit() { quit_ = true; }

 private:
  struct Watched {
    uint32_t events = 0;
    // Tells a descriptor from a later one of the same number.
    uint32_t generation = 0;
    std::shared_ptr<Callback> callback;
  };

  bool Apply(int fd, Watched& watched, uint32_t events);
  void RunTimers();
  int WaitMilliseconds() const;

  const UniqueFd epoll_;
  bool quit_ = false;
  uint32_t next_generation_ = 1;
  std::unordered_map<int, Watched> watched_;
  Timer next_timer_ = 1;
  std::map<std::pair<Clock::time_point, Timer>, std::function<void()>> timers_;
  std::function<void()> after_batch_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_HOST_EVENT_LOOP_H_
