// What everybody who reads a source to its end does between its pieces: look at the cancel flag, and tell how far it
// is, not too often.
#ifndef WSLM_DISTROS_TREE_TRANSFER_WATCH_H_
#define WSLM_DISTROS_TREE_TRANSFER_WATCH_H_

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "distros/host/cancel.h"
#include "distros/tree/transfer.h"

namespace wslm {

// Not thread-safe; the options outlive it.
class TransferWatch {
 public:
  explicit TransferWatch(const TransferOptions& options) : options_(options) {}

  // At the entry `path`, `done` of `total` bytes of the source. Error: CANCELLED.
  absl::Status Step(const std::string& path, int64_t done, int64_t total) {
    if (absl::Status status = CheckCancel(options_.cancel); !status.ok()) return status;
    if (!options_.progress) return absl::OkStatus();
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return absl::OkStatus();
    next_ = now + std::chrono::milliseconds(100);
    options_.progress({.done = done, .total = total, .path = path});
    return absl::OkStatus();
  }

 private:
  const TransferOptions& options_;
  std::chrono::steady_clock::time_point next_{};
};

}  // namespace wslm

#endif  // WSLM_DISTROS_TREE_TRANSFER_WATCH_H_
