// Disks that are no distro's own, as wslmd sees them: put into what runs the distros, seen in all of them. Only version
// 2 has any.
#ifndef WSLM_PROTO_RUNTIME_V1_DISK_HOST_H_
#define WSLM_PROTO_RUNTIME_V1_DISK_HOST_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"

namespace wslm::runtime::v1 {

// The fields mean what those of wslm.v1.Disk do.
struct SharedDisk {
  std::string name;
  std::string source;
  std::string format;
  std::string type;
  std::string options;
  uint32_t partition = 0;
  bool bare = false;
  std::string device;
  bool read_only = false;

  friend bool operator==(const SharedDisk&, const SharedDisk&) = default;
};

// Thread-safe; all but shared_disks() block.
class DiskHost {
 public:
  using Note = std::function<void(const std::string&)>;

  virtual ~DiskHost() = default;
  // Plugs the open file in and mounts it, unless it is to be bare; the result has what is known then. `driver` is
  // QEMU's for the format: "raw", "qcow2", "vpc" or "vhdx". Errors: FILE_EXISTS when the name or the source is there
  // already, those of a start of the VM, START_FAILED, IO_ERROR, FILE_NOT_FOUND (no such partition).
  virtual absl::StatusOr<SharedDisk> MountDisk(const SharedDisk& wanted, wslm::UniqueFd file, const std::string& driver,
                                               const Note& note) = 0;
  // No such disk is no error. Error: IO_ERROR while a program uses it.
  virtual absl::Status UnmountDisk(const std::string& name) = 0;
  // By name.
  virtual std::vector<SharedDisk> shared_disks() const = 0;
};

}  // namespace wslm::runtime::v1

#endif  // WSLM_PROTO_RUNTIME_V1_DISK_HOST_H_
