// Walks a file tree of any depth by directory descriptors: follows no link, does not go into what is mounted in it, and
// holds a fixed number of descriptors. A folder comes before what it holds; names in a folder come by inode, which is
// the order in which the disk likes to be read.
//
//   TreeWalk walk(std::move(root));
//   TreeWalk::Item item;
//   while (true) {
//     ASSIGN_OR_RETURN(bool more, walk.Next(item));
//     if (!more) break;
//   }
#ifndef WSLM_DISTROS_LXFS_TREE_WALK_H_
#define WSLM_DISTROS_LXFS_TREE_WALK_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"

namespace wslm {

// Not thread-safe.
class TreeWalk {
 public:
  // Valid until the next call of Next.
  struct Item {
    // Relative to the root; empty for the root itself.
    std::string path;
    // Where it is, and its name there; -1 and empty for the root.
    int folder = -1;
    const char* name = "";
    // As in struct dirent; never DT_UNKNOWN.
    uint8_t type = 0;
    // Of folders: itself, open for reading; else -1.
    int directory = -1;
    // A folder on which something else is mounted: it is shown, what it holds is left out.
    bool is_mount = false;
  };

  // Called with a folder that its owner may not read; true: it may be tried again.
  using OpenUp = std::function<bool(int folder, const char* name)>;

  explicit TreeWalk(UniqueFd root, OpenUp open_up = nullptr);

  // Goes to the next; false after the last. What vanishes meanwhile is left out. Errors: PERMISSION_DENIED on a folder
  // that its owner may not read, after which the walk may go on behind it ("path" in the metadata names it); IO_ERROR.
  absl::StatusOr<bool> Next(Item& item);

 private:
  static constexpr size_t kOpenFolders = 64;

  struct Name {
    ino_t inode;
    uint32_t offset;
    uint8_t type;
  };
  // A folder whose names are being given out.
  struct Level {
    UniqueFd fd;
    dev_t device = 0;
    ino_t inode = 0;
    // Of its path in path_.
    size_t path_length = 0;
    size_t next = 0;
    std::vector<Name> names;
    // All names, each with its NUL.
    std::string bytes;
  };

  absl::StatusOr<bool> Enter(Item& item, const char* name);
  absl::Status List(Level& level);
  absl::Status Leave();

  UniqueFd root_;
  const OpenUp open_up_;
  dev_t device_ = 0;
  bool started_ = false;
  std::string path_;
  std::vector<Level> levels_;
  // A folder given out that is a mount: it is not entered.
  UniqueFd mount_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_TREE_WALK_H_
