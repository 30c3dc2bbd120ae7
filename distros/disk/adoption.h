// Disk images that become a distro as they are, where they are, without a copy.
#ifndef WSLM_DISTROS_DISK_ADOPTION_H_
#define WSLM_DISTROS_DISK_ADOPTION_H_

#include <string>

#include "absl/status/statusor.h"
#include "distros/disk/disk_format.h"
#include "distros/registry/image_facts.h"
#include "distros/tree/transfer.h"

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
// that holds an ext4 file system without partitions. Writes nothing into it. To read its files, a VHD that grows and a
// VHDX are copied to `scratch_folder` first, as by OpenDiskSource; raw images and fixed VHDs are not.
// Errors: as OpenDiskSource; UNSUPPORTED_FORMAT for what can be imported only (qcow2, partitions).
absl::StatusOr<AdoptFacts> InspectForAdoption(const std::string& path, const std::string& scratch_folder,
                                              const CancelFlag* cancel);

}  // namespace wslm

#endif  // WSLM_DISTROS_DISK_ADOPTION_H_
