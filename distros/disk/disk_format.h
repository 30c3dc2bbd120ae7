// What kind of disk image a file is, told by its content and never by its name, and what its own header says, read by
// code of ours before any other program opens the file: a header may name other files of the host, and whoever believes
// it hands them out.
#ifndef WSLM_DISTROS_DISK_DISK_FORMAT_H_
#define WSLM_DISTROS_DISK_DISK_FORMAT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace wslm {

// kVhd grows as it is written (dynamic); kVhdFixed is the raw content with a footer behind it.
enum class DiskFormat { kRaw, kQcow2, kVhd, kVhdFixed, kVhdx };

struct DiskFacts {
  DiskFormat format = DiskFormat::kRaw;
  // Bytes that a guest sees.
  int64_t virtual_size = 0;
  // VHDX and qcow2: whoever wrote it did not close it (for VHDX: its log must be replayed first).
  bool unclean = false;
};

// "raw", "qcow2", "vhd", "vhd-fixed", "vhdx": as shown to people and taken from them.
std::string_view DiskFormatName(DiskFormat format);

// Looks at the file at `path`, which must be a regular one; reads at most a few MiB of it and writes nothing.
// Errors: UNSUPPORTED_FORMAT (metadata "detected") when the image needs another file (a backing file, a parent, an
// external data file), is encrypted, or is of a kind that is not known; CORRUPT_SOURCE when its header is damaged or
// says what can't be; FILE_NOT_FOUND; IO_ERROR.
absl::StatusOr<DiskFacts> InspectDisk(const std::string& path);

// The same of an open file; `path` is for messages.
absl::StatusOr<DiskFacts> InspectDisk(int fd, const std::string& path);

}  // namespace wslm

#endif  // WSLM_DISTROS_DISK_DISK_FORMAT_H_
