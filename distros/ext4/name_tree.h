// The names of an image being filled: directories in memory, and the paths that lead through them.
#ifndef WSLM_DISTROS_EXT4_NAME_TREE_H_
#define WSLM_DISTROS_EXT4_NAME_TREE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace wslm::ext4 {

// What a name stands for. Inode 0: a hard link whose target has not come yet.
struct Child {
  uint32_t inode = 0;
  // EXT2_FT_….
  uint8_t type = 0;
};

struct Directory {
  uint32_t inode = 0;
  // The root is its own parent.
  Directory* parent = nullptr;
  // Half of what a std::map costs, and next to nothing when empty. An insertion or removal moves the others.
  absl::btree_map<std::string, Child, std::less<>> children;
};

// Not thread-safe.
class NameTree {
 public:
  explicit NameTree(uint32_t root_inode);

  Directory& root() { return *root_; }
  // All of them, by inode.
  const absl::btree_map<uint32_t, std::unique_ptr<Directory>>& directories() const { return directories_; }

  Directory& AddDirectory(Directory& parent, std::string_view name, uint32_t inode);
  // `directory` has no children and is no longer a name of its parent.
  void ForgetDirectory(uint32_t inode) { directories_.erase(inode); }
  Directory* FindDirectory(uint32_t inode);

  void SetSymlink(uint32_t inode, std::string target) { symlinks_[inode] = std::move(target); }
  void ForgetSymlink(uint32_t inode) { symlinks_.erase(inode); }

  // Valid until a name in `directory` comes or goes.
  static Child* Find(Directory& directory, std::string_view name);

  // Makes the directory `name` in `parent` by AddDirectory.
  using Make = std::function<absl::StatusOr<Directory*>(Directory& parent, std::string_view name)>;

  // The directory that `path` leads to from the root, through symlinks as a process whose root this is would go. What
  // is missing is made by `make`, or is NOT_FOUND when `make` is empty. Error: CORRUPT_SOURCE when the path leads
  // through something that is no directory, or through too many symlinks.
  absl::StatusOr<Directory*> Walk(std::string_view path, const Make& make);

 private:
  absl::btree_map<uint32_t, std::unique_ptr<Directory>> directories_;
  Directory* root_;
  // Targets by inode.
  absl::btree_map<uint32_t, std::string> symlinks_;
};

// "a/b/c" is {"a/b", "c"}, "c" is {"", "c"}.
std::pair<std::string_view, std::string_view> SplitPath(std::string_view path);

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_NAME_TREE_H_
