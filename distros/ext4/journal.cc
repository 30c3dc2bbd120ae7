#include "distros/ext4/journal.h"

#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/host_tool.h"
#include "distros/host/status_macros.h"

namespace wslm::ext4 {
namespace {

bool NeedsReplay(const Filesystem& filesystem) {
  return ext2fs_has_feature_journal_needs_recovery(filesystem->super) != 0;
}

absl::Status Replay(const std::string& image, const CancelFlag* cancel) {
  ASSIGN_OR_RETURN(const ToolResult result,
                   RunTool("e2fsck", {"-E", "journal_only", "-y", "--", image}, {.cancel = cancel}));
  // 1 and 2 say that something was done, which was the purpose.
  if (result.exit_code < 4) return absl::OkStatus();
  if (absl::StrContains(result.output, "No space left on device")) {
    return ErrnoError("cannot replay the journal of", image, ENOSPC);
  }
  const bool is_damage = result.exit_code < 8;
  return Error(is_damage ? absl::StatusCode::kDataLoss : absl::StatusCode::kInternal,
               is_damage ? reason::kCorruptSource : reason::kIoError,
               absl::StrCat("The journal of ", Escaped(image), " can't be replayed: ", Escaped(result.output)),
               {{"path", image}});
}

}  // namespace

absl::StatusOr<Filesystem> OpenWithJournal(const std::string& image, DirtyJournal journal, const CancelFlag* cancel) {
  ASSIGN_OR_RETURN(Filesystem filesystem, Filesystem::Open(image, Filesystem::Access::kRead));
  if (journal == DirtyJournal::kIgnore || !NeedsReplay(filesystem)) return filesystem;
  if (journal == DirtyJournal::kReplay) {
    RETURN_IF_ERROR(Replay(image, cancel));
    ASSIGN_OR_RETURN(filesystem, Filesystem::Open(image, Filesystem::Access::kRead));
    if (!NeedsReplay(filesystem)) return filesystem;
  }
  return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
               journal == DirtyJournal::kReplay
                   ? absl::StrCat("The journal of ", Escaped(image), " could not be replayed.")
                   : absl::StrCat("The file system in ", Escaped(image), " was not unmounted. Stop what uses it."),
               {{"path", image}});
}

}  // namespace wslm::ext4
