// All that a source says of a tree, by path: what a comparison needs in memory while the contents go by.
//
// Costs about 250 bytes an entry beside its path. A path that comes twice counts as the last one, as in the digest.
#ifndef WSLM_DISTROS_TREE_TREE_INDEX_H_
#define WSLM_DISTROS_TREE_TREE_INDEX_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "distros/tree/entry.h"
#include "distros/tree/sha256.h"
#include "distros/tree/source.h"
#include "distros/tree/transfer.h"

namespace wslm {

// The path of the directory that `path`, as in Entry, lies in: "" for what lies in the root.
std::string ParentOf(const std::string& path);

// What one or more names stand for.
struct IndexedFile {
  FileType type = FileType::kDirectory;
  uint16_t mode = 0755;
  uint32_t uid = 0;
  uint32_t gid = 0;
  Timestamp mtime;
  uint32_t rdev_major = 0;
  uint32_t rdev_minor = 0;
  std::string symlink_target;
  std::map<std::string, std::string> xattrs;
  // Of regular files: bytes with holes, and the hash of the content (tree/content_hash.h).
  int64_t size = 0;
  Sha256Digest content{};
  // How many names it has, and the first of them in the order of bytes. Set once the tree is complete.
  int64_t names = 0;
  std::string first_name;
};

// Not thread-safe.
class TreeIndex {
 public:
  // Reads the source to its end. Errors: those of the source, CANCELLED, CORRUPT_SOURCE for entries that can't be in
  // one tree.
  static absl::StatusOr<TreeIndex> Read(Source& source, const TransferOptions& options);

  // Paths in the order of bytes, the root ("") first; values count into files().
  using Paths = absl::btree_map<std::string, uint32_t>;
  const Paths& paths() const { return paths_; }
  const std::vector<IndexedFile>& files() const { return files_; }
  const IndexedFile& file(uint32_t number) const { return files_[number]; }

 private:
  TreeIndex();
  absl::Status Add(const Entry& entry, const Sha256Digest& content);
  absl::Status AddParents(const std::string& path);
  absl::Status ResolveLinks();
  void CountNames();
  // Puts `file` at `path`; what lay below a directory that it replaces is gone.
  void Put(const std::string& path, uint32_t file);

  Paths paths_;
  std::vector<IndexedFile> files_;
  // Hard links whose target had not come: path and target.
  absl::btree_map<std::string, std::string> pending_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_TREE_TREE_INDEX_H_
