// The one way a distro moves from a form to another: import, export, convert, verify.
//
// The source is read and checked in a thread of its own (which the call waits for, also where it fails: it may be
// within a Next or Read), the digest is taken in another, the sink works on the caller's.
//
//   ASSIGN_OR_RETURN(TransferResult result, Transfer(*source, *sink, {.progress = ..., .cancel = &cancel}));
#ifndef WSLM_DISTROS_TREE_TRANSFER_H_
#define WSLM_DISTROS_TREE_TRANSFER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "distros/host/cancel.h"
#include "distros/tree/digest.h"
#include "distros/tree/limits.h"
#include "distros/tree/sink.h"
#include "distros/tree/source.h"

namespace wslm {

struct TransferProgress {
  // Bytes of the source's own form; total is 0 when unknown.
  int64_t done = 0;
  int64_t total = 0;
  // The entry being worked on.
  std::string path;
};

struct TransferOptions {
  // Called at most ten times a second, on the caller's thread.
  std::function<void(const TransferProgress&)> progress;
  // May be null.
  const CancelFlag* cancel = nullptr;
  // Told of an error of sink or digest, or of a cancel, before the source's thread is waited for: ends what the source
  // may be waiting for within Next or Read. May be empty.
  std::function<void(const absl::Status&)> interrupt_source;
  // Of a source that somebody else made: set them for every import. None for what wslm keeps itself.
  std::optional<Limits> limits;
};

struct TransferResult {
  TreeDigest digest;
  // Of source and sink.
  std::vector<std::string> warnings;
  std::vector<std::string> losses;
};

// Copies all entries, then commits the sink. Errors: those of both and of LimitChecker, CANCELLED, NOT_A_DISTRO when
// the source has no entry, CORRUPT_SOURCE when an entry is none that Linux can hold (CheckEntry) or content lies
// outside of its file or not in order.
absl::StatusOr<TransferResult> Transfer(Source& source, Sink& sink, const TransferOptions& options);

// Reads a source to its end for its digest alone.
absl::StatusOr<TreeDigest> DigestOf(Source& source, const TransferOptions& options);

}  // namespace wslm

#endif  // WSLM_DISTROS_TREE_TRANSFER_H_
