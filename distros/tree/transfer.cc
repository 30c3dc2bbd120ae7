#include "distros/tree/transfer.h"

#include <utility>

#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/status_macros.h"
#include "distros/tree/transfer_watch.h"

namespace wslm {
namespace {

// Reads the source to its end into the digest, and into the sink where there is one.
absl::StatusOr<TreeDigest> Run(Source& source, Sink* sink, const TransferOptions& options) {
  TransferWatch watch(source, options);
  DigestBuilder digest;
  Entry entry;
  bool any = false;
  while (true) {
    RETURN_IF_ERROR(watch.Step(entry));
    ASSIGN_OR_RETURN(const bool more, source.Next(entry));
    if (!more) break;
    any = true;
    RETURN_IF_ERROR(Failpoint("transfer.entry"));
    RETURN_IF_ERROR(CheckEntry(entry));
    RETURN_IF_ERROR(digest.Begin(entry));
    if (sink != nullptr) RETURN_IF_ERROR(sink->Begin(entry));
    while (entry.type == FileType::kRegular && !entry.is_hard_link()) {
      ASSIGN_OR_RETURN(const std::optional<DataBlock> block, source.Read());
      if (!block) break;
      digest.Write(*block);
      if (sink != nullptr) RETURN_IF_ERROR(sink->Write(*block));
      RETURN_IF_ERROR(watch.Step(entry));
    }
    digest.End();
    if (sink != nullptr) RETURN_IF_ERROR(sink->End());
  }
  if (!any) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kNotADistro,
                 "The source holds no files at all, so it is no Linux distribution.");
  }
  return digest.Finish();
}

}  // namespace

absl::StatusOr<TransferResult> Transfer(Source& source, Sink& sink, const TransferOptions& options) {
  TransferResult result;
  ASSIGN_OR_RETURN(result.digest, Run(source, &sink, options));
  RETURN_IF_ERROR(sink.Commit());
  result.warnings = source.warnings();
  result.losses = sink.losses();
  return result;
}

absl::StatusOr<TreeDigest> DigestOf(Source& source, const TransferOptions& options) {
  return Run(source, nullptr, options);
}

}  // namespace wslm
