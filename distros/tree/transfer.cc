#include "distros/tree/transfer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/status_macros.h"
#include "distros/tree/transfer_watch.h"

namespace wslm {
namespace {

// Whether `block` lies within the file and behind `end`, where the one before ended; that is moved on.
absl::Status CheckBlock(const Entry& entry, const DataBlock& block, int64_t& end) {
  const auto size = static_cast<int64_t>(block.bytes.size());
  if (block.offset < end || size > entry.size || block.offset > entry.size - size) {
    const std::string detail = absl::StrCat("the content of '", Escaped(entry.path),
                                            "' does not agree with its size of ", entry.size, " bytes");
    return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
                 absl::StrCat("The source is damaged: ", detail, "."), {{"detail", detail}});
  }
  end = block.offset + size;
  return absl::OkStatus();
}

// Reads the source to its end into the digest, and into the sink where there is one.
absl::StatusOr<TreeDigest> Run(Source& source, Sink* sink, const TransferOptions& options) {
  TransferWatch watch(source, options);
  DigestBuilder digest;
  std::optional<LimitChecker> limits;
  if (options.limits) limits.emplace(*options.limits);
  Entry entry;
  bool any = false;
  while (true) {
    RETURN_IF_ERROR(watch.Step(entry));
    ASSIGN_OR_RETURN(const bool more, source.Next(entry));
    if (!more) break;
    any = true;
    RETURN_IF_ERROR(Failpoint("transfer.entry"));
    RETURN_IF_ERROR(CheckEntry(entry));
    if (limits) RETURN_IF_ERROR(limits->Begin(entry));
    RETURN_IF_ERROR(digest.Begin(entry));
    if (sink != nullptr) RETURN_IF_ERROR(sink->Begin(entry));
    int64_t end = 0;
    while (entry.type == FileType::kRegular && !entry.is_hard_link()) {
      ASSIGN_OR_RETURN(const std::optional<DataBlock> block, source.Read());
      if (!block) break;
      RETURN_IF_ERROR(CheckBlock(entry, *block, end));
      if (limits) RETURN_IF_ERROR(limits->Write(*block, source.position()));
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
