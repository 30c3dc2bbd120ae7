// Where the paths of an archive lead when the symbolic links above their last names are followed.
//
// An archive may put a file below a link that it holds ("lib" -> "usr/lib", then "lib/x"): tar and container engines
// unpack that to usr/lib/x. Links are followed as a program would that has the archive's root for its own: what is
// absolute begins there, and ".." stays there, so that no path leads out of the tree.
//
//   FollowedPaths paths;
//   ASSIGN_OR_RETURN(entry.path, paths.Follow(entry.path));   // for each entry, in the archive's order
//   paths.Came(entry);
//
// Only links that came before count. Memory: path and target of each link. Not thread-safe.
#ifndef WSLM_DISTROS_TAR_FOLLOWED_PATHS_H_
#define WSLM_DISTROS_TAR_FOLLOWED_PATHS_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/btree_map.h"
#include "distros/tree/entry.h"

namespace wslm {

class FollowedPaths {
 public:
  // `path` is as Entry::path. nullopt: more than 40 links, as many as Linux follows; they lead in a circle, mostly.
  std::optional<std::string> Follow(std::string_view path);

  // An entry whose path was followed: it takes the place of what had that path.
  void Came(const Entry& entry);

 private:
  // The folder `path` itself.
  std::optional<std::string> FollowFolder(std::string_view path) const;
  // The link `path`, and those in the folder `path` that it may have been before.
  void Forget(const std::string& path, bool below);

  // Targets by path.
  absl::btree_map<std::string, std::string, std::less<>> links_;
  // The last folder asked for, since most entries come folder by folder; none when the links have changed.
  std::optional<std::string> last_folder_;
  std::string last_followed_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_TAR_FOLLOWED_PATHS_H_
