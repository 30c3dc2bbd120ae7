// The last bytes of an output stream, by offset: what a client that attaches again is sent once more.
#ifndef WSLM_RUNTIME_V1_INIT_REPLAY_H_
#define WSLM_RUNTIME_V1_INIT_REPLAY_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace wslm::init {

// Not thread-safe. Memory is that of what is held.
class Replay {
 public:
  explicit Replay(size_t capacity) : capacity_(capacity) {}

  // Forgets the oldest bytes when there are more than the capacity.
  void Append(std::string_view bytes);
  // Offsets of the first byte held and of the one behind the last.
  int64_t begin() const { return end_ - static_cast<int64_t>(held_); }
  int64_t end() const { return end_; }
  // Bytes from `offset` (begin() to end()), at most `most`, perhaps fewer than there are; empty only at end() or for
  // `most` 0. Valid until Append.
  std::string_view At(int64_t offset, size_t most) const;

 private:
  const size_t capacity_;
  int64_t end_ = 0;
  size_t held_ = 0;
  std::deque<std::string> pieces_;
};

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_REPLAY_H_
