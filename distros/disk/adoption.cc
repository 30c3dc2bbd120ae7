#include "distros/disk/adoption.h"

#include <fcntl.h>

#include <memory>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "distros/disk/content_reader.h"
#include "distros/disk/disk_layout.h"
#include "distros/disk/ext4_facts.h"
#include "distros/disk/in_use.h"
#include "distros/disk/qemu_img.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

absl::Status RefuseToAdopt(const std::string& path, std::string_view detected, std::string_view what,
                           std::string_view remedy) {
  return Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat,
               absl::StrCat(Escaped(path), " can't be used in place: ", std::string(what), ". ", std::string(remedy)),
               {{"detected", std::string(detected)}, {"path", path}});
}

constexpr char kImport[] = "Import it: 'wslm import NAME FILE'.";

}  // namespace

absl::StatusOr<AdoptFacts> InspectForAdoption(const std::string& path) {
  AdoptFacts facts;
  // O_NONBLOCK: a fifo must not hold us.
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY | O_NONBLOCK));
  ASSIGN_OR_RETURN(facts.disk, InspectDisk(fd.get(), path));
  RETURN_IF_ERROR(disk::CheckNotInUse(fd.get(), path));
  if (facts.disk.format == DiskFormat::kQcow2) return RefuseToAdopt(path, "qcow2", "it is a qcow2 image", kImport);
  if (facts.disk.unclean) {
    return RefuseToAdopt(path, "vhdx-log", "whoever wrote it did not close it",
                         "Import it ('wslm import NAME FILE'), or have Windows attach and detach it once.");
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<disk::HeaderReader> content, disk::OpenContent(fd.get(), path, facts.disk));
  ASSIGN_OR_RETURN(const disk::Ext4Place place, disk::FindExt4(*content));
  if (place.in_partition) return RefuseToAdopt(path, "disk", "its file system lies in a partition", kImport);
  facts.qemu_driver = disk::QemuDriver(facts.disk.format);
  facts.needs_check = place.needs_check;
  ASSIGN_OR_RETURN(facts.image, disk::ReadExt4Facts(*content));
  return facts;
}

}  // namespace wslm
