// A VM that stands still, in one file: what its memory holds and what QEMU says of its devices.
//
//   ASSIGN_OR_RETURN(const UniqueFd memory, MakeMemory("memory", mib << 20));
//   ASSIGN_OR_RETURN(const SnapshotHead head, ReadSnapshot(path, key, memory.get(), state.get()));
//
// Memory that is all zero is left out, so a file is far smaller than the memory. A hash over everything is looked at
// before anything of it is used. All functions are thread-safe.
#ifndef WSLM_RUNTIME_V2_HOST_SNAPSHOT_FILE_H_
#define WSLM_RUNTIME_V2_HOST_SNAPSHOT_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"

namespace wslm {

struct SnapshotHead {
  // What the VM was made of; only a VM of the same can go on from here.
  std::string key;
  // The host's time stamp counter at that time.
  int64_t tsc_khz = 0;
};

// Memory without a name on any disk, `size` bytes of zeros. `name` is for people.
absl::StatusOr<UniqueFd> MakeMemory(const char* name, int64_t size);

// Replaces `path`, mode 0600, by what the descriptors hold: `memory` of MakeMemory, `state` any that can be read at an
// offset. Any crash leaves the old file or the new one, and at most a file beside it whose name begins with a dot.
// Errors: DISK_FULL, IO_ERROR.
absl::Status WriteSnapshot(const std::string& path, const SnapshotHead& head, int memory, int state);

// Fills `memory`, of the same size and all zero, and `state`, empty, whose offset is 0 afterwards. Errors: NOT_FOUND
// when there is no file; else both hold anything: DATA_LOSS when it is damaged or of another key, IO_ERROR.
absl::StatusOr<SnapshotHead> ReadSnapshot(const std::string& path, const std::string& key, int memory, int state);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_SNAPSHOT_FILE_H_
