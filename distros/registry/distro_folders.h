// The folders of the registry on the disk, each step crash-safe by itself: a rename, then the fsync of what it changed.
//
//   data/distros/<id>/            a distro
//   data/distros/.staging-<id>/   one being made; staging.json in it names a folder of the user's that it fills, too
//   data/trash/<id>/              a deleted one, with trash.json
//   data/trash/.purge-<id>/       one that is being removed for good
//
// Thread-safe as long as no two calls are for one id.
#ifndef WSLM_DISTROS_REGISTRY_DISTRO_FOLDERS_H_
#define WSLM_DISTROS_REGISTRY_DISTRO_FOLDERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/registry/registry.h"

namespace wslm {

class DistroFolders {
 public:
  // Makes distros/ and trash/ where they aren't there, and removes what a crash left half made or half removed.
  static absl::StatusOr<DistroFolders> Open(const std::string& data_folder);

  std::string Folder(const std::string& id) const { return distros_ + "/" + id; }
  std::string Staging(const std::string& id) const { return distros_ + "/.staging-" + id; }

  std::vector<RegistryEntry> ReadAll() const;
  // The claim on the location of a distro that is registered: a crash came before it was taken away.
  void RemoveClaim(const DistroRecord& record) const;
  std::vector<TrashEntry> ReadTrash() const;

  absl::Status MakeStaging(const std::string& id) const;
  absl::StatusOr<bool> StageLocation(const std::string& id, const std::string& location) const;
  void RemoveStaging(const std::string& id) const;
  absl::Status Publish(const std::string& id, const std::string& location) const;

  absl::Status MoveToTrash(const std::string& id, int64_t now_ns) const;
  absl::Status Restore(const std::string& id) const;
  // The distro is out of sight at once; its files are removed afterwards by FinishPurge.
  absl::Status BeginPurge(const std::string& id, bool from_trash) const;
  absl::Status FinishPurge(const std::string& id) const;

 private:
  DistroFolders(std::string distros, std::string trash) : distros_(std::move(distros)), trash_(std::move(trash)) {}
  void CleanUp() const;

  std::string distros_;
  std::string trash_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_REGISTRY_DISTRO_FOLDERS_H_
