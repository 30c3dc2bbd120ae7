// What everybody who reads a source to its end does between its pieces: look at the cancel flag, and tell how far it
// is, not too often.
#ifndef WSLM_DISTROS_TREE_TRANSFER_WATCH_H_
#define WSLM_DISTROS_TREE_TRANSFER_WATCH_H_

#include <chrono>

#include "absl/status/status.h"
#include "distros/host/error.h"
#include "distros/tree/source.h"
#include "distros/tree/transfer.h"

namespace wslm {

// Not thread-safe; source and options outlive it.
class TransferWatch {
 public:
  TransferWatch(const Source& source, const TransferOptions& options) : source_(source), options_(options) {}

  // Error: CANCELLED.
  absl::Status Step(const Entry& entry) {
    if (options_.cancel != nullptr && options_.cancel->load(std::memory_order_relaxed)) {
      return Error(absl::StatusCode::kCancelled, reason::kCancelled, "The operation was cancelled.");
    }
    if (!options_.progress) return absl::OkStatus();
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return absl::OkStatus();
    next_ = now + std::chrono::milliseconds(100);
    options_.progress({.done = source_.position(), .total = source_.total(), .path = entry.path});
    return absl::OkStatus();
  }

 private:
  const Source& source_;
  const TransferOptions& options_;
  std::chrono::steady_clock::time_point next_{};
};

}  // namespace wslm

#endif  // WSLM_DISTROS_TREE_TRANSFER_WATCH_H_
