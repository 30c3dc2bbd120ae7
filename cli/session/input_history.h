// The last of what was sent to a session, in case the daemon dies before the session has it.
#ifndef WSLM_CLI_SESSION_INPUT_HISTORY_H_
#define WSLM_CLI_SESSION_INPUT_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace wslm::cli {

// Not thread-safe.
class InputHistory {
 public:
  explicit InputHistory(size_t capacity) : capacity_(capacity) {}

  void Add(std::string bytes) {
    end_ += static_cast<int64_t>(bytes.size());
    size_ += bytes.size();
    chunks_.push_back(std::move(bytes));
    while (size_ - chunks_.front().size() >= capacity_) {
      size_ -= chunks_.front().size();
      chunks_.pop_front();
    }
  }

  // Bytes added so far.
  int64_t end() const { return end_; }

  // What follows `offset`, in order; nothing when that is no longer kept or was never added.
  std::optional<std::vector<std::string>> From(int64_t offset) const {
    int64_t begin = end_ - static_cast<int64_t>(size_);
    if (offset < begin || offset > end_) return std::nullopt;
    std::vector<std::string> result;
    for (const std::string& chunk : chunks_) {
      const auto size = static_cast<int64_t>(chunk.size());
      if (offset < begin + size)
        result.push_back(chunk.substr(offset > begin ? static_cast<size_t>(offset - begin) : 0));
      begin += size;
    }
    return result;
  }

 private:
  const size_t capacity_;
  std::deque<std::string> chunks_;
  size_t size_ = 0;
  int64_t end_ = 0;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_SESSION_INPUT_HISTORY_H_
