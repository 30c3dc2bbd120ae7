// Gives host files what makes them a guest's: mode, record, extended attributes. Used by the sink.
#ifndef WSLM_DISTROS_LXFS_ATTRIBUTE_WRITER_H_
#define WSLM_DISTROS_LXFS_ATTRIBUTE_WRITER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/lxfs/lxfs.h"
#include "distros/lxfs/side_store.h"
#include "distros/tree/entry.h"

namespace wslm {

// The attributes of `entry` as the guest is to see them.
GuestAttributes GuestAttributesOf(const Entry& entry);

// Not thread-safe.
class AttributeWriter {
 public:
  // `root` is any folder on the host's file system, to try out whether it holds extended attributes.
  AttributeWriter(std::unique_ptr<SideStore> store, SecondOwner second_owner, int root);

  // A regular file or folder, open. All but the times; `is_new`: it can't have attributes yet.
  absl::Status ApplyTo(int fd, const Entry& entry, bool is_new);
  // Anything else, just made as `name` in `folder`. All but the times.
  absl::Status ApplyTo(int folder, const char* name, const Entry& entry);
  // The record of `name` in `folder`, which is about to be removed, is not needed any more.
  void Forget(int folder, const char* name);

  // The records to the disk; closes the store. No call after it.
  absl::Status Finish();

  void NoteLoss(const std::string& path, const std::string& reason);
  const std::vector<std::string>& losses() const { return losses_; }

 private:
  absl::Status WriteRecord(int fd, const GuestAttributes& attributes, const std::string& path);
  absl::Status WriteXattrs(int fd, const Entry& entry, bool is_new);
  void KeepXattrs(const std::optional<SideKey>& key, const GuestXattrs& xattrs, const std::string& path);
  absl::Status RemoveXattrs(int fd, const std::string& path);

  std::unique_ptr<SideStore> store_;
  const SecondOwner second_owner_;
  bool has_xattrs_ = false;
  // A new file may have the number of one that went, which counts where there are no birth times.
  bool numbers_reused_ = false;
  std::vector<std::string> losses_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_ATTRIBUTE_WRITER_H_
