#include "distros/ext4/resize.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "distros/ext4/ext4.h"
#include "distros/ext4/filesystem.h"
#include "distros/ext4/journal.h"
#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/files.h"
#include "distros/host/host_tool.h"
#include "distros/host/scratch_file.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"

namespace wslm {
namespace {

using ext4::Filesystem;

constexpr int64_t kLargest = int64_t{64} << 40;
constexpr size_t kQuotedOutput = 500;
// Behind the image's name, in that of the copy which is worked on.
constexpr char kResizeEnd[] = ".resize";

absl::Status ToolError(const std::string& what, const std::string& image, const ToolResult& result) {
  if (absl::StrContains(result.output, "No space left on device")) return ErrnoError(what, image, ENOSPC);
  return Error(absl::StatusCode::kInternal, reason::kIoError,
               absl::StrCat(what, " ", Escaped(image), ": ",
                            Escaped(std::string(absl::StripAsciiWhitespace(result.output).substr(0, kQuotedOutput)))),
               {{"path", image}});
}

// In blocks, as resize2fs estimates it.
absl::StatusOr<int64_t> MinimumBlocks(const std::string& image, const CancelFlag* cancel) {
  ASSIGN_OR_RETURN(const ToolResult result, RunTool("resize2fs", {"-P", image}, {.cancel = cancel}));
  constexpr absl::string_view kWords = "minimum size of the filesystem: ";
  const size_t at = result.output.find(kWords.data());
  int64_t blocks = 0;
  if (result.exit_code != 0 || at == std::string::npos ||
      !absl::SimpleAtoi(absl::StripAsciiWhitespace(absl::string_view(result.output).substr(at + kWords.size())),
                        &blocks)) {
    return ToolError("resize2fs can't tell the least size of", image, result);
  }
  return blocks;
}

// Mends what is safe to mend, as the tools want it before a change of size.
absl::Status Preen(const std::string& image, const std::string& copy, const CancelFlag* cancel) {
  ASSIGN_OR_RETURN(const ToolResult result, RunTool("e2fsck", {"-fp", "--", copy}, {.cancel = cancel}));
  if (result.exit_code < 4) return absl::OkStatus();
  if (result.exit_code >= 8) return ToolError("e2fsck can't check", image, result);
  return Error(
      absl::StatusCode::kDataLoss, reason::kCorruptSource,
      absl::StrCat("The file system in ", Escaped(image), " has errors; its size stays as it is. Repair it first."),
      {{"path", image}});
}

absl::Status RefuseSize(const std::string& image, int64_t minimum) {
  return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
               absl::StrCat("The content of ", Escaped(image), " does not fit: it needs at least ", HumanSize(minimum),
                            " (", minimum, " bytes)."),
               {{"path", image}, {"minimum_bytes", absl::StrCat(minimum)}});
}

// New groups' tables of inodes are given back to the host, and so read as zeros, and that is noted: without the note
// the kernel that mounts the image writes zeros over all of them.
absl::Status MarkNewTablesZeroed(const std::string& copy) {
  ASSIGN_OR_RETURN(Filesystem filesystem, Filesystem::Open(copy, Filesystem::Access::kWrite));
  const ext2_filsys fs = filesystem.get();
  const auto table_bytes = static_cast<off_t>(uint64_t{fs->inode_blocks_per_group} * fs->blocksize);
  bool changed = false;
  for (dgrp_t group = 0; group < fs->group_desc_count; ++group) {
    const bool is_unused = ext2fs_bg_flags_test(fs, group, EXT2_BG_INODE_UNINIT) != 0;
    if (!is_unused || ext2fs_bg_flags_test(fs, group, EXT2_BG_INODE_ZEROED) != 0) continue;
    // A host file system that can't make holes leaves the work to the kernel.
    const auto begin = static_cast<off_t>(ext2fs_inode_table_loc(fs, group) * fs->blocksize);
    if (::fallocate(filesystem.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, begin, table_bytes) != 0) break;
    ext2fs_bg_flags_set(fs, group, EXT2_BG_INODE_ZEROED);
    ext2fs_group_desc_csum_set(fs, group);
    changed = true;
  }
  if (!changed) return absl::OkStatus();
  ext2fs_mark_super_dirty(fs);
  return filesystem.Close();
}

int64_t BytesOnHost(int fd) {
  struct stat st;
  return ::fstat(fd, &st) == 0 ? int64_t{st.st_blocks} * 512 : 0;
}

std::string WithLines(const std::string& output) {
  std::string escaped;
  for (size_t at = 0; at < output.size();) {
    const size_t end = std::min(output.find('\n', at), output.size());
    absl::StrAppend(&escaped, Escaped(output.substr(at, end - at)), "\n");
    at = end + 1;
  }
  return escaped;
}

}  // namespace

absl::StatusOr<int64_t> Ext4Size(const std::string& image) {
  ASSIGN_OR_RETURN(const Filesystem filesystem, Filesystem::Open(image, Filesystem::Access::kRead));
  return static_cast<int64_t>(filesystem.block_count() * filesystem.block_size());
}

absl::StatusOr<int64_t> MinimumExt4Size(const std::string& image) {
  int64_t block_size = 0;
  {
    ASSIGN_OR_RETURN(const Filesystem filesystem, Filesystem::Open(image, Filesystem::Access::kRead));
    block_size = filesystem.block_size();
  }
  ASSIGN_OR_RETURN(const int64_t blocks, MinimumBlocks(image, nullptr));
  return blocks * block_size;
}

absl::Status RemoveResizeLeftovers(const std::string& image) {
  const std::string folder = ParentPath(image);
  const std::string prefix = absl::StrCat(".", BaseName(image), kResizeEnd, "-");
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(folder, error)) {
    if (!absl::StartsWith(file.path().filename().string(), prefix)) continue;
    if (::unlink(file.path().c_str()) != 0) return ErrnoError("cannot remove", file.path().string());
  }
  return error ? ErrnoError("cannot read", folder, error.value()) : absl::OkStatus();
}

absl::Status ResizeExt4(const std::string& image, int64_t size, const ResizeOptions& options) {
  const auto begin = [&options](ResizeStep step) {
    if (options.step) options.step(step);
  };
  const CancelFlag* const cancel = options.cancel;
  int64_t block_size = 0;
  int64_t length = 0;
  mode_t mode = 0;
  UniqueFd fd;
  {
    ASSIGN_OR_RETURN(fd, OpenFile(image, O_RDONLY));
    ASSIGN_OR_RETURN(const Filesystem filesystem, Filesystem::Open(image, Filesystem::Access::kRead));
    block_size = filesystem.block_size();
    struct stat st;
    if (::fstat(fd.get(), &st) != 0) return ErrnoError("cannot read", image);
    length = st.st_size;
    mode = st.st_mode & ~S_IFMT;
  }
  if (size <= 0 || size > kLargest) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 absl::StrCat("A disk of ", size, " bytes is not possible: it must be at most 64 TiB."));
  }
  const int64_t blocks = size / block_size;
  begin(ResizeStep::kCopy);
  RETURN_IF_ERROR(Failpoint("resize.begin"));
  ASSIGN_OR_RETURN(ScratchFile copy, ScratchFile::Make(ParentPath(image), BaseName(image) + kResizeEnd));
  const absl::Status copied =
      CopySparse(fd.get(), 0, length, copy.fd(), copy.path(), cancel, [&options, length](int64_t done) {
        if (options.progress) options.progress(done, length);
      });
  RETURN_IF_ERROR(WithFreeSpace(copied, ParentPath(image), 0));
  begin(ResizeStep::kResize);
  RETURN_IF_ERROR(Failpoint("resize.copied"));
  RETURN_IF_ERROR(Preen(image, copy.path(), cancel));
  ASSIGN_OR_RETURN(const int64_t minimum, MinimumBlocks(copy.path(), cancel));
  if (blocks < minimum) return RefuseSize(image, minimum * block_size);

  ASSIGN_OR_RETURN(const ToolResult result,
                   RunTool("resize2fs", {copy.path(), absl::StrCat(blocks)}, {.cancel = cancel}));
  if (absl::StrContains(result.output, "smaller than minimum")) return RefuseSize(image, minimum * block_size);
  if (result.exit_code != 0) return ToolError("resize2fs can't change the size of", image, result);
  RETURN_IF_ERROR(MarkNewTablesZeroed(copy.path()));
  if (::ftruncate(copy.fd(), blocks * block_size) != 0) return ErrnoError("cannot set the size of", image);
  if (::fchmod(copy.fd(), mode) != 0) return ErrnoError("cannot set the mode of", copy.path());
  begin(ResizeStep::kCheck);
  RETURN_IF_ERROR(CheckExt4(copy.path(), cancel));
  if (options.commit) RETURN_IF_ERROR(options.commit());
  RETURN_IF_ERROR(Failpoint("resize.move"));
  return copy.MoveTo(image);
}

absl::StatusOr<int64_t> TrimExt4(const std::string& image, const CancelFlag* cancel) {
  { ASSIGN_OR_RETURN(const Filesystem replayed, ext4::OpenWithJournal(image, DirtyJournal::kReplay, cancel)); }
  RETURN_IF_ERROR(CheckExt4(image, cancel));
  RETURN_IF_ERROR(Failpoint("trim.begin"));
  // For the bitmaps; nothing is written through it.
  ASSIGN_OR_RETURN(const Filesystem filesystem, Filesystem::Open(image, Filesystem::Access::kWrite));
  const int64_t before = BytesOnHost(filesystem.fd());
  const ext2_filsys fs = filesystem.get();
  const uint64_t last = filesystem.block_count() - 1;
  blk64_t first = fs->super->s_first_data_block;
  while (first <= last && ext2fs_find_first_zero_block_bitmap2(fs->block_map, first, last, &first) == 0) {
    RETURN_IF_ERROR(CheckCancel(cancel));
    blk64_t used = last + 1;
    if (ext2fs_find_first_set_block_bitmap2(fs->block_map, first, last, &used) != 0) used = last + 1;
    if (::fallocate(filesystem.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    static_cast<off_t>(first * fs->blocksize),
                    static_cast<off_t>((used - first) * fs->blocksize)) != 0) {
      if (errno != EOPNOTSUPP) return ErrnoError("cannot give room back from", image);
      return Error(absl::StatusCode::kUnimplemented, reason::kUnsupportedFormat,
                   absl::StrCat("The file system that holds ", Escaped(image), " can't make holes in files."),
                   {{"path", image}});
    }
    RETURN_IF_ERROR(Failpoint("trim.run"));
    first = used;
  }
  if (::fsync(filesystem.fd()) != 0) return ErrnoError("cannot write", image);
  return std::max<int64_t>(0, before - BytesOnHost(filesystem.fd()));
}

absl::StatusOr<RepairReport> RepairExt4(const std::string& image, const CancelFlag* cancel) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(image, O_RDWR));
  RepairReport report;
  // What a first run mends may show what a second has to.
  constexpr int kMostRuns = 3;
  for (int run = 0; run < kMostRuns; ++run) {
    ASSIGN_OR_RETURN(const ToolResult result, RunTool("e2fsck", {"-fy", "--", image}, {.cancel = cancel}));
    if (run == 0 || result.exit_code != 0) report.report += WithLines(result.output);
    // A sum of: 1 mended, 2 mended and a host that had it mounted must restart, 4 not mended, 8 and above not done.
    if (result.exit_code >= 8) {
      if (!absl::StrContains(result.output, "Bad magic number")) return ToolError("e2fsck can't repair", image, result);
      return Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat,
                   absl::StrCat(Escaped(image), " has no ext4 file system that could be repaired."), {{"path", image}});
    }
    if (result.exit_code == 0) break;
    report.repaired = true;
  }
  if (::fsync(fd.get()) != 0) return ErrnoError("cannot write", image);
  RETURN_IF_ERROR(CheckExt4(image, cancel));
  return report;
}

}  // namespace wslm
