// Disk images that become a distro as they are, where they are, without a copy.
#ifndef WSLM_DISTROS_DISK_ADOPTION_H_
#define WSLM_DISTROS_DISK_ADOPTION_H_

#include <string>

#include "absl/status/statusor.h"
#include "distros/disk/disk_format.h"
#include "distros/registry/image_facts.h"

namespace wslm {

struct AdoptFacts {
  DiskFacts disk;
  // QEMU's block driver to attach it with, always said: "raw", "vpc" or "vhdx". "vpc" wants
  // force_size_calc=current_size beside it.
  std::string qemu_driver;
  // The file system was not unmounted or is marked as damaged: check it before the first start.
  bool needs_check = false;
  // Of its files; empty where they can't be read.
  ImageFacts image;
};

// What is to be known of the disk image `path` before it is attached to the virtual machine: a raw image, VHD or VHDX
// that holds an ext4 file system without partitions. Reads a few blocks of it, and writes nothing. Errors:
// those of InspectDisk; UNSUPPORTED_FORMAT (metadata "detected") for what has no ext4 in it, for what can be imported
// only (qcow2, partitions), and for a VHDX that Windows did not close; DISTRO_RUNNING while something writes into it;
// CORRUPT_SOURCE; IO_ERROR.
absl::StatusOr<AdoptFacts> InspectForAdoption(const std::string& path);

}  // namespace wslm

#endif  // WSLM_DISTROS_DISK_ADOPTION_H_
