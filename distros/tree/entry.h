// One entry of a distro's file tree, in the form that all formats share.
#ifndef WSLM_DISTROS_TREE_ENTRY_H_
#define WSLM_DISTROS_TREE_ENTRY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace wslm {

enum class FileType : uint8_t { kRegular, kDirectory, kSymlink, kCharDevice, kBlockDevice, kFifo, kSocket };

// The type as st_mode has it (S_IFMT; libarchive's AE_IF* are the same), and back; nullopt is no type that Linux knows.
uint32_t TypeBits(FileType type);
std::optional<FileType> TypeOfMode(uint32_t mode);

// Since the epoch; `nanoseconds` is 0–999,999,999 also before it.
struct Timestamp {
  int64_t seconds = 0;
  uint32_t nanoseconds = 0;
  friend bool operator==(const Timestamp&, const Timestamp&) = default;
};

// A piece of a regular file's content that is no hole.
struct DataExtent {
  int64_t offset = 0;
  int64_t length = 0;
  friend bool operator==(const DataExtent&, const DataExtent&) = default;
};

struct Entry {
  // Bytes, no encoding assumed. Relative to the root, normalised: no "." or "..", no empty component, no leading or
  // trailing slash. Empty is the root itself.
  std::string path;
  FileType type = FileType::kRegular;
  // Permission, set-id and sticky bits (07777).
  uint16_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  Timestamp mtime;
  // Where the form has them.
  std::optional<Timestamp> atime;
  std::optional<Timestamp> ctime;
  std::optional<Timestamp> birth;
  // Of devices.
  uint32_t rdev_major = 0;
  uint32_t rdev_minor = 0;
  // Of symlinks: the target, bytes.
  std::string symlink_target;
  // When not empty, this is another name of the (non-directory) entry with this path, and nothing but `path` and this
  // counts. Sources give the first name in full and the others so; archives may name a target that comes later.
  std::string hard_link_to;
  // Of regular files: bytes, holes included.
  int64_t size = 0;
  // Of regular files with holes, where the source knows before the content comes which parts are data: ascending, not
  // overlapping, possibly none; all blocks lie within them. An archive tells its holes before the content, so a sparse
  // file without this is written out in full there. Does not count in the digest.
  std::optional<std::vector<DataExtent>> extents;
  // Full names ("user.a", "security.capability", "system.posix_acl_access") and values as Linux's getxattr gives them.
  std::map<std::string, std::string> xattrs;

  bool is_hard_link() const { return !hard_link_to.empty(); }
};

// A piece of a regular file's content. What no piece covers is a hole.
struct DataBlock {
  int64_t offset = 0;
  // Valid until the next call of the source.
  std::string_view bytes;
};

// `path` made relative and normalised as Entry::path wants it; nullopt when it has a ".." component, a component over
// 255 bytes or a NUL byte.
std::optional<std::string> NormalisedPath(std::string_view path);

// OK when the entry is one that Linux can hold: a normalised path, mode, times, link target, size and xattrs within
// their bounds. Every source's entries are held to it before a sink sees them. Error: CORRUPT_SOURCE.
absl::Status CheckEntry(const Entry& entry);

}  // namespace wslm

#endif  // WSLM_DISTROS_TREE_ENTRY_H_
