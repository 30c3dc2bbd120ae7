// Makes and removes the files of an image being filled: inodes, their attributes, and their names.
#ifndef WSLM_DISTROS_EXT4_TREE_WRITER_H_
#define WSLM_DISTROS_EXT4_TREE_WRITER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/ext4/name_tree.h"
#include "distros/ext4/volume.h"
#include "distros/tree/entry.h"

namespace wslm::ext4 {

// Not thread-safe.
class TreeWriter {
 public:
  // An empty root and an empty /lost+found, on a volume just formatted.
  static absl::StatusOr<std::unique_ptr<TreeWriter>> Create(std::unique_ptr<Volume> volume);

  Volume& volume() { return *volume_; }

  // Where `path` ends: the directory that holds its last name, missing ones made, and that name.
  struct Place {
    Directory* directory = nullptr;
    std::string_view name;
    bool is_lost_and_found = false;
  };
  absl::StatusOr<Place> Locate(std::string_view path);

  absl::Status SetRoot(const Entry& entry);
  // Makes the entry, or merges it where it and what is there are directories, or replaces what is there. Returns its
  // inode.
  absl::StatusOr<uint32_t> Put(const Place& place, const Entry& entry);
  // The same for another name of `target`, which may not be there yet.
  absl::Status PutHardLink(const Place& place, const Entry& entry);

  // Links the hard links that came before their targets, writes all directories, and closes the volume.
  absl::Status Finish();

  // "PATH: reason".
  std::vector<std::string> losses() const { return losses_; }
  void AddLoss(std::string_view path, const std::string& reason);

 private:
  // A name whose target has not come: the inode of its directory, and itself.
  using LinkName = std::pair<uint32_t, std::string>;

  explicit TreeWriter(std::unique_ptr<Volume> volume);

  absl::Status StartDirectory(uint32_t inode, uint16_t mode);
  absl::StatusOr<Directory*> MakeDirectory(Directory& parent, std::string_view name);
  absl::Status FillRecord(uint32_t inode, const Entry& entry, InodeRecord& record);
  absl::Status UpdateDirectory(uint32_t inode, const Entry& entry);

  absl::Status Remove(Directory& directory, std::string_view name);
  absl::Status DropLink(const Child& child);
  absl::Status AddLink(uint32_t inode, std::string_view path);

  absl::StatusOr<Child*> LinkTarget(std::string_view path, LinkName& name);
  absl::Status ResolveLinks();
  absl::Status WriteDirectory(const Directory& directory);

  std::unique_ptr<Volume> volume_;
  NameTree names_;
  // Paths of targets.
  std::map<LinkName, std::string> waiting_;
  std::vector<std::string> losses_;
};

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_TREE_WRITER_H_
