#include "distros/ext4/format.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/host_tool.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"

namespace wslm::ext4 {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr int64_t kMinimumSize = 16 * kMiB;
// ext4 could hold more; beyond this the tables alone take minutes.
constexpr int64_t kMaximumSize = int64_t{64} << 40;

// Everything is named, and nothing left to the defaults of the host's release of e2fsprogs.
constexpr char kFeatures[] =
    "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,"
    "dir_nlink,extra_isize,metadata_csum";

// The tables stay holes until they are used, also when a kernel mounts the image: without these its lazy initialisation
// writes zeros over all of them.
constexpr char kExtended[] =
    "lazy_itable_init=1,lazy_journal_init=1,assume_storage_prezeroed=1,packed_meta_blocks=1,root_owner=0:0";

// In MiB. A guest writes through the whole journal sooner or later, so that much of the host's disk is lost to it.
int64_t JournalSize(int64_t size) { return std::clamp<int64_t>(size / (64 * kMiB), 4, 128); }

absl::Status CheckOptions(const Ext4Options& options) {
  if (options.size < kMinimumSize || options.size > kMaximumSize) {
    return Error(
        absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
        absl::StrCat("A disk of ", options.size, " bytes is not possible: it must be between 16 MiB and 64 TiB."));
  }
  if (options.label.size() > 16 || options.label.find('\0') != std::string::npos) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 "A disk's label has at most 16 bytes, none of them NUL.");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Format(const std::string& image, const Ext4Options& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  UniqueFd fd(::open(image.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) {
    if (errno != EEXIST) return ErrnoError("cannot make", image);
    return Error(absl::StatusCode::kAlreadyExists, reason::kFileExists,
                 absl::StrCat(Escaped(image), " exists already."), {{"path", image}});
  }
  absl::Cleanup remove = [&image] { ::unlink(image.c_str()); };
  const int64_t size = options.size / kBlockSize * kBlockSize;
  if (::ftruncate(fd.get(), size) != 0) return ErrnoError("cannot set the size of", image);
  fd.Reset();

  std::vector<std::string> arguments = {"-F", "-q", "-b", absl::StrCat(kBlockSize), "-I", absl::StrCat(kInodeSize)};
  arguments.insert(arguments.end(), {"-i", "16384", "-m", "0", "-O", kFeatures, "-E", kExtended});
  arguments.insert(arguments.end(), {"-J", absl::StrCat("size=", JournalSize(size))});
  if (!options.label.empty()) arguments.insert(arguments.end(), {"-L", options.label});
  arguments.insert(arguments.end(), {"--", image});
  ASSIGN_OR_RETURN(const ToolResult result, RunTool("mke2fs", arguments, {.cancel = options.cancel}));
  if (result.exit_code != 0) {
    if (absl::StrContains(result.output, "No space left on device")) {
      return ErrnoError("cannot make a file system in", image, ENOSPC);
    }
    return Error(absl::StatusCode::kInternal, reason::kIoError,
                 absl::StrCat("mke2fs failed on ", Escaped(image), ": ", Escaped(result.output)));
  }
  std::move(remove).Cancel();
  return absl::OkStatus();
}

}  // namespace wslm::ext4
