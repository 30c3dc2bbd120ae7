#include "distros/disk/disk_format.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "distros/disk/header_reader.h"
#include "distros/disk/qcow2_header.h"
#include "distros/disk/vhd_header.h"
#include "distros/disk/vhdx_header.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

using std::string_view_literals::operator""sv;

constexpr size_t kHead = 512;

// Disk images of other programs, which QEMU would read; they too may name other files.
struct Other {
  size_t offset;
  std::string_view magic;
  const char* id;
  const char* what;
};
constexpr Other kOthers[] = {
    {0, "KDMV"sv, "vmdk", "is a VMDK disk image"},
    {0, "COWD"sv, "vmdk", "is a VMDK disk image"},
    {0, "# Disk DescriptorFile"sv, "vmdk", "is the description of a VMDK disk image"},
    {64, "\x7F\x10\xDA\xBE"sv, "vdi", "is a VirtualBox disk image (VDI)"},
    {0, "WithoutFreeSpace"sv, "parallels", "is a Parallels disk image"},
    {0, "WithouFreSpacExt"sv, "parallels", "is a Parallels disk image"},
    {0, "QED\0"sv, "qed", "is a QED disk image"},
    {0, "LUKS\xBA\xBE"sv, "luks", "is encrypted (LUKS)"},
};

}  // namespace

std::string_view DiskFormatName(DiskFormat format) {
  switch (format) {
    case DiskFormat::kRaw:
      return "raw";
    case DiskFormat::kQcow2:
      return "qcow2";
    case DiskFormat::kVhd:
      return "vhd";
    case DiskFormat::kVhdFixed:
      return "vhd-fixed";
    case DiskFormat::kVhdx:
      return "vhdx";
  }
  return "unknown";
}

absl::StatusOr<DiskFacts> InspectDisk(const std::string& path) {
  // O_NONBLOCK: a fifo must not hold us.
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY | O_NONBLOCK));
  return InspectDisk(fd.get(), path);
}

absl::StatusOr<DiskFacts> InspectDisk(int fd, const std::string& path) {
  struct stat st;
  if (::fstat(fd, &st) != 0) return ErrnoError("cannot read", path);
  const disk::HeaderReader file(fd, path, st.st_size);
  if (!S_ISREG(st.st_mode)) return file.Unsupported("no-file", "is no regular file", "Name a disk image's file.");
  if (st.st_size == 0) return file.Unsupported("empty", "is empty", "Make or download it again.");

  ASSIGN_OR_RETURN(const std::string head, file.ReadUpTo(0, kHead));
  if (disk::HasAt(head, 0, disk::kQcowMagic)) return disk::ReadQcow2Header(file);
  if (disk::HasAt(head, 0, disk::kVhdxMagic)) return disk::ReadVhdxHeader(file);
  if (disk::HasAt(head, 0, disk::kVhdCookie)) return disk::ReadVhdHeader(file);
  for (const Other& other : kOthers) {
    if (disk::HasAt(head, other.offset, other.magic)) {
      return file.Unsupported(other.id, other.what,
                              "Convert it first, where it was made: 'qemu-img convert -O qcow2 IMAGE NEW.qcow2'.");
    }
  }
  ASSIGN_OR_RETURN(const std::optional<DiskFacts> fixed, disk::ReadVhdFooter(file));
  if (fixed) return *fixed;
  RETURN_IF_ERROR(file.CheckVirtualSize(static_cast<uint64_t>(st.st_size)));
  return DiskFacts{.format = DiskFormat::kRaw, .virtual_size = st.st_size};
}

}  // namespace wslm
