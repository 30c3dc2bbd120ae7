// The members of a tar archive on the disk and where their content lies, so that a part is read without the rest.
//
// For archives that container tools make of an image: its parts are ordinary files and links between them. Names are
// normalised as a distro's are; a member whose name leads out ("..") makes the archive CORRUPT_SOURCE.
#ifndef WSLM_DISTROS_OCI_ARCHIVE_MEMBERS_H_
#define WSLM_DISTROS_OCI_ARCHIVE_MEMBERS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace wslm {

struct ArchiveMember {
  // Of its content, in bytes from the archive's beginning.
  int64_t offset = 0;
  int64_t size = 0;
  // When not empty: a link, symbolic or hard, to the member of this name.
  std::string link;
};

// Reads up to `size` bytes at `offset`; fewer at the end only.
using ReadAt = std::function<absl::StatusOr<size_t>(int64_t offset, char* buffer, size_t size)>;

// Walks the headers of the archive of `size` bytes that `read` reads, and reads nothing else. `seen` gets each member
// that is a file, a folder (its name ends in a slash) or a link, and answers whether to go on. `name` is for messages.
// Errors: CORRUPT_SOURCE, those of `read`.
absl::Status WalkMembers(const ReadAt& read, int64_t size, std::string_view name,
                         const std::function<bool(const std::string& path, const ArchiveMember& member)>& seen);

// All files and links by name; of several of one name the last. CORRUPT_SOURCE when there are more than 100,000.
absl::StatusOr<std::map<std::string, ArchiveMember>> ListMembers(const ReadAt& read, int64_t size,
                                                                 std::string_view name);

}  // namespace wslm

#endif  // WSLM_DISTROS_OCI_ARCHIVE_MEMBERS_H_
