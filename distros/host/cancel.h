// How work that goes on in another thread is asked to stop.
//
//   CancelFlag cancel = false;          // the asker's: cancel = true
//   RETURN_IF_ERROR(CheckCancel(&cancel));  // the worker's, between buffers
#ifndef WSLM_DISTROS_HOST_CANCEL_H_
#define WSLM_DISTROS_HOST_CANCEL_H_

#include <atomic>

#include "absl/status/status.h"
#include "distros/host/error.h"

namespace wslm {

// Set from any thread.
using CancelFlag = std::atomic<bool>;

// `cancel` may be null: nobody can ask. Thread-safe.
inline bool IsCancelled(const CancelFlag* cancel) {
  return cancel != nullptr && cancel->load(std::memory_order_relaxed);
}

// The error CANCELLED, for what ends because of it.
inline absl::Status CancelledError() {
  return Error(absl::StatusCode::kCancelled, reason::kCancelled, "The operation was cancelled.");
}

// CANCELLED once it is set.
inline absl::Status CheckCancel(const CancelFlag* cancel) {
  return IsCancelled(cancel) ? CancelledError() : absl::OkStatus();
}

}  // namespace wslm

#endif  // WSLM_DISTROS_HOST_CANCEL_H_
