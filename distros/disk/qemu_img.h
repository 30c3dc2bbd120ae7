// qemu-img, bounded: it is given open files of known format, so that it neither guesses nor opens what a header names;
// it gets so much memory and processor time and no more, and needs no network, since all that it is told of are files.
#ifndef WSLM_DISTROS_DISK_QEMU_IMG_H_
#define WSLM_DISTROS_DISK_QEMU_IMG_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "distros/disk/disk_format.h"
#include "distros/host/cancel.h"

namespace wslm::disk {

// An open disk image that was inspected.
struct OpenImage {
  int fd = -1;
  DiskFacts facts;
  // For messages.
  std::string path;
};

// A file that is open for writing.
struct OpenTarget {
  int fd = -1;
  std::string path;
};

// QEMU's own name of the format: "raw", "qcow2", "vpc", "vhdx".
std::string_view QemuDriver(DiskFormat format);

// Writes the content into `raw`, an empty file: data only, zeros stay holes. Errors: CANCELLED, CORRUPT_SOURCE
// (qemu-img could not read it), DISK_FULL, HOST_UNSUPPORTED, IO_ERROR.
absl::Status ConvertToRaw(const OpenImage& image, const OpenTarget& raw, const CancelFlag* cancel);

// The first `length` bytes of the content.
absl::Status ReadHead(const OpenImage& image, int64_t length, const OpenTarget& raw, const CancelFlag* cancel);

// Makes an image of `format` of the raw content in `image` in the empty file `target`.
absl::Status ConvertFromRaw(const OpenImage& image, DiskFormat format, const OpenTarget& target,
                            const CancelFlag* cancel);

// Puts what the log of a VHDX holds in its place, in the file itself.
absl::Status ReplayVhdxLog(const OpenTarget& image, const CancelFlag* cancel);

}  // namespace wslm::disk

#endif  // WSLM_DISTROS_DISK_QEMU_IMG_H_
