// The snapshots that are kept, one for each kind of VM, the last few.
#ifndef WSLM_RUNTIME_V2_HOST_SNAPSHOT_STORE_H_
#define WSLM_RUNTIME_V2_HOST_SNAPSHOT_STORE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime-v2/host/snapshot_file.h"

namespace wslm {

// Thread-safe; several processes may use one folder.
class SnapshotStore {
 public:
  // The folder is made when it is needed.
  explicit SnapshotStore(std::string folder) : folder_(std::move(folder)) {}

  bool Has(const std::string& key) const;
  // As WriteSnapshot and ReadSnapshot. Save removes the oldest of more than two, and what crashes left. One that can't
  // be read is removed by Load.
  absl::Status Save(const SnapshotHead& head, int memory, int state) const;
  absl::StatusOr<SnapshotHead> Load(const std::string& key, int memory, int state) const;
  void Remove(const std::string& key) const;

 private:
  std::string PathOf(const std::string& key) const;

  const std::string folder_;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_SNAPSHOT_STORE_H_
