// A distro's record, the truth about it: distro.json in the distro's folder.
#ifndef WSLM_DISTROS_REGISTRY_RECORD_H_
#define WSLM_DISTROS_REGISTRY_RECORD_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/lxfs/lxfs.h"

namespace wslm {

// What a container image says about how it wants to be run (texts of the image's, to be shown escaped).
struct ContainerConfig {
  // "KEY=VALUE".
  std::vector<std::string> environment;
  std::string working_dir;
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  // "name", "uid", "name:group" or "uid:gid".
  std::string user;
  // "SIGTERM", "15".
  std::string stop_signal;
  // "80/tcp".
  std::vector<std::string> exposed_ports;
  std::map<std::string, std::string> labels;
  bool operator==(const ContainerConfig&) const = default;
  bool empty() const { return *this == ContainerConfig(); }
};

struct DistroRecord {
  std::string id;    // UUID, lower case
  std::string name;  // as given
  int version = 1;   // 1 or 2
  std::string default_user;
  bool is_protected = false;
  bool isolated = false;
  SecondOwner second_owner;
  std::string flavor;      // os-release ID
  std::string os_version;  // os-release VERSION_ID
  int64_t create_time_ns = 0;
  // Where rootfs/ or disk.img lie: absolute; empty = in the record's own folder.
  std::string location;
  // wslm made that folder, so it goes when the distro does and it is empty.
  bool made_location = false;
  // Of version 2: the absolute path of a disk image that is used where it lies and stays the user's; empty: disk.img.
  std::string image_path;
  // With image_path: QEMU's block driver for it, "raw", "vpc" or "vhdx".
  std::string image_driver;
  ContainerConfig container;
  // Counts the changes; the etag.
  int64_t revision = 0;
};

// Whether `name` is [A-Za-z0-9._-]{1,64}, not beginning with "-" or ".". Error: INVALID_NAME.
absl::Status CheckDistroName(const std::string& name);

// Whether `text` is a UUID, lower case.
bool IsUuid(const std::string& text);

// The record's file in its folder.
inline constexpr char kRecordFile[] = "distro.json";

// Reads FOLDER/distro.json. Errors: DISTRO_BROKEN with what is wrong.
absl::StatusOr<DistroRecord> ReadRecord(const std::string& folder);

// Writes FOLDER/distro.json: temporary name, fsync, rename, fsync of the folder. Fields that it doesn't know are kept.
// A record that can't be read is not overwritten. Errors: DISTRO_BROKEN, INVALID_ARGUMENT (a text is not UTF-8),
// DISK_FULL, IO_ERROR.
absl::Status WriteRecord(const std::string& folder, const DistroRecord& record);

}  // namespace wslm

#endif  // WSLM_DISTROS_REGISTRY_RECORD_H_
