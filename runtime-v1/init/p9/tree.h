// The file tree that is served: names below one folder, found one at a time from held descriptors, so that no link and
// no rename leads out of it.
//
// What is mounted in it (/proc, /dev, /run, the host's folders) is an empty folder here: a distro that runs and one
// that doesn't show the same. Errors are errnos. Not thread-safe.
#ifndef WSLM_RUNTIME_V1_INIT_P9_TREE_H_
#define WSLM_RUNTIME_V1_INIT_P9_TREE_H_

#include <sys/stat.h>

#include <string>

#include "distros/host/unique_fd.h"
#include "runtime-v1/init/p9/message.h"

namespace wslm::p9 {

// A file by an O_PATH descriptor, which may be a link's or a device's.
struct Node {
  UniqueFd fd;
  // A folder that something is mounted on: nothing is in it.
  bool covered = false;
};

// One name in a folder: no "/", no ".", no "..", not empty, at most 255 bytes.
bool IsName(const std::string& name);
Qid QidOf(const struct stat& stat);
// A name of an own descriptor's file that calls without a descriptor take.
std::string FdPath(int fd);

class Tree {
 public:
  // `root`: an O_PATH descriptor of the folder.
  explicit Tree(UniqueFd root) : root_(std::move(root)) {}

  int Root(Node& node) const;
  // `name` may be "..": of the root, that is itself.
  int Walk(const Node& from, const std::string& name, Node& to) const;
  int Copy(const Node& from, Node& to) const;
  // The folder that holds the file now, and its name in there. ENOENT when it has none any more.
  int Locate(const Node& node, UniqueFd& folder, std::string& name) const;

 private:
  UniqueFd root_;
};

}  // namespace wslm::p9

#endif  // WSLM_RUNTIME_V1_INIT_P9_TREE_H_
