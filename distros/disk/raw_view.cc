#include "distros/disk/raw_view.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

#include "distros/disk/in_use.h"
#include "distros/disk/qemu_img.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"

namespace wslm::disk {
namespace {

constexpr char kStem[] = "wslm-disk";

bool IsRawInside(DiskFormat format) { return format == DiskFormat::kRaw || format == DiskFormat::kVhdFixed; }

// A VHDX that nobody closed is made whole in a copy, whose header then says what it really holds.
absl::StatusOr<ScratchFile> CopyWithLogReplayed(OpenImage& image, const std::string& scratch_folder,
                                                const CancelFlag* cancel) {
  struct stat st;
  if (::fstat(image.fd, &st) != 0) return ErrnoError("cannot read", image.path);
  ASSIGN_OR_RETURN(ScratchFile copy, ScratchFile::Make(scratch_folder, kStem));
  RETURN_IF_ERROR(CopySparse(image.fd, 0, st.st_size, copy.fd(), copy.path(), cancel));
  RETURN_IF_ERROR(ReplayVhdxLog({.fd = copy.fd(), .path = image.path}, cancel));
  image.fd = copy.fd();
  ASSIGN_OR_RETURN(image.facts, InspectDisk(image.fd, image.path));
  return copy;
}

absl::StatusOr<ScratchFile> Convert(OpenImage image, const std::string& scratch_folder, const CancelFlag* cancel) {
  std::optional<ScratchFile> whole;
  if (image.facts.format == DiskFormat::kVhdx && image.facts.unclean) {
    ASSIGN_OR_RETURN(whole, CopyWithLogReplayed(image, scratch_folder, cancel));
  }
  // What is no file system of ours is refused before hours go into its conversion.
  {
    ASSIGN_OR_RETURN(const ScratchFile head, ScratchFile::Make(scratch_folder, kStem));
    RETURN_IF_ERROR(ReadHead(image, kDiskHead, {.fd = head.fd(), .path = head.path()}, cancel));
    RETURN_IF_ERROR(CheckDiskHead(HeaderReader(head.fd(), image.path, kDiskHead)));
  }
  ASSIGN_OR_RETURN(ScratchFile raw, ScratchFile::Make(scratch_folder, kStem));
  const absl::Status status = ConvertToRaw(image, {.fd = raw.fd(), .path = raw.path()}, cancel);
  RETURN_IF_ERROR(WithFreeSpace(status, scratch_folder, 0));
  return raw;
}

}  // namespace

absl::StatusOr<RawView> ViewAsRaw(const std::string& path, const std::string& scratch_folder,
                                  const CancelFlag* cancel) {
  RawView view{.path = path};
  // O_NONBLOCK: a fifo must not hold us.
  ASSIGN_OR_RETURN(view.image, OpenFile(path, O_RDONLY | O_NONBLOCK));
  ASSIGN_OR_RETURN(view.facts, InspectDisk(view.image.get(), path));
  RETURN_IF_ERROR(CheckNotInUse(view.image.get(), path));
  if (!IsRawInside(view.facts.format)) {
    ASSIGN_OR_RETURN(view.copy, Convert({view.image.get(), view.facts, path}, scratch_folder, cancel));
    view.path = view.copy->path();
  }
  ASSIGN_OR_RETURN(view.ext4, FindExt4(HeaderReader(view.fd(), path, view.facts.virtual_size)));
  return view;
}

absl::Status CopyFileSystem(RawView& view, const std::string& scratch_folder, const CancelFlag* cancel) {
  ASSIGN_OR_RETURN(ScratchFile copy, ScratchFile::Make(scratch_folder, kStem));
  const absl::Status status = CopySparse(view.fd(), view.ext4.offset, view.ext4.length, copy.fd(), copy.path(), cancel);
  RETURN_IF_ERROR(WithFreeSpace(status, scratch_folder, 0));
  view.copy = std::move(copy);
  view.path = view.copy->path();
  view.ext4.offset = 0;
  return absl::OkStatus();
}

}  // namespace wslm::disk
