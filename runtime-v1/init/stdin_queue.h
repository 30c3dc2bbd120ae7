// A session's standard input on its way into its pipe or terminal.
#ifndef WSLM_RUNTIME_V1_INIT_STDIN_QUEUE_H_
#define WSLM_RUNTIME_V1_INIT_STDIN_QUEUE_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

namespace wslm::init {

// What was taken is never lost while the command can read it. Not thread-safe.
class StdinQueue {
 public:
  // Bytes taken from all clients so far.
  int64_t taken() const { return taken_; }
  bool empty() const { return queued_.size() == written_; }
  bool broken() const { return broken_; }

  // Takes `bytes`, which cost `cost` of the sender's credit. Dropped when broken.
  void Take(std::string_view bytes, size_t cost);
  // Takes bytes that no client sent.
  void TakeOwn(std::string_view bytes);
  // Writes to `fd` what it takes; answers the credit that came free. An error other than "try again" breaks the queue:
  // nobody reads any more.
  size_t WriteTo(int fd);
  // Drops what is queued and will come; answers the credit that came free.
  size_t Break();
  // The sender has changed: what is queued costs the new one nothing.
  void ForgetCosts() { costs_.clear(); }

 private:
  size_t FreeCosts();

  int64_t taken_ = 0;
  // Bytes taken by TakeOwn: always behind all others.
  int64_t own_ = 0;
  bool broken_ = false;
  std::string queued_;
  size_t written_ = 0;
  // (value of taken_ when it was taken, cost)
  std::deque<std::pair<int64_t, size_t>> costs_;
};

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_STDIN_QUEUE_H_
