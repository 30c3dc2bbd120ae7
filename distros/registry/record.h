// A distro's record, the truth about it: distro.json in the distro's folder.
#ifndef WSLM_DISTROS_REGISTRY_RECORD_H_
#define WSLM_DISTROS_REGISTRY_RECORD_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/lxfs/lxfs.h"

namespace wslm {

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
  // Counts the changes; the etag.
  int64_t revision = 0;
};

// Whether `name` is [A-Za-z0-9._-]{1,64}, not beginning with "-" or ".". Error: INVALID_NAME.
absl::Status CheckDistroName(const std::string& name);

// Reads FOLDER/distro.json. Errors: DISTRO_BROKEN with what is wrong. Unknown fields are kept by the next write.
absl::StatusOr<DistroRecord> ReadRecord(const std::string& folder);

// Writes FOLDER/distro.json: temporary name, fsync, rename, fsync of the folder.
absl::Status WriteRecord(const std::string& folder, const DistroRecord& record);

// A random UUID (version 4), lower case.
std::string NewUuid();

}  // namespace wslm

#endif  // WSLM_DISTROS_REGISTRY_RECORD_H_
