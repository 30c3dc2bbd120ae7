// Small helpers for files of wslm's own on the host. For paths that wslm made or the user named: what comes from a
// guest or an archive is resolved from a held descriptor elsewhere.
//
// All functions are thread-safe. Errors: FILE_NOT_FOUND where something must be there and isn't; DISK_FULL; IO_ERROR.
#ifndef WSLM_DISTROS_HOST_FILES_H_
#define WSLM_DISTROS_HOST_FILES_H_

#include <fcntl.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"

namespace wslm {

// open(2) with O_CLOEXEC added; `mode` counts when it makes the file.
absl::StatusOr<UniqueFd> OpenFile(const std::string& path, int flags, mode_t mode = 0600);

// The whole content. A file of more than `limit` bytes is an error, as is one that is not regular; it is read anew and
// never seeks, so files of /proc do too.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t limit = size_t{1} << 20);

// Replaces `path` so that any crash leaves the old content or the new, and any error the old one: temporary name, fsync,
// exchange of the names, fsync of the folder. A crash may leave a file beside it whose name begins with "." + name +
// ".tmp-".
absl::Status WriteFileAtomically(const std::string& path, std::string_view content, mode_t mode = 0600);

// fsync of a folder: makes renames, new names and removals in it last.
absl::Status SyncFolder(const std::string& path);

// mkdir -p; what is made gets `mode`. Leaves what is there as it is. Follows links.
absl::Status MakeFolders(const std::string& path, mode_t mode = 0700);

// Whether there is anything called `path`, a dangling link too.
bool PathExists(const std::string& path);
// Whether `path` is a folder without an entry.
bool IsEmptyFolder(const std::string& path);

// What lies before the last slash ("/" for "/x", "." for "x"), and what lies behind it.
std::string ParentPath(const std::string& path);
std::string BaseName(const std::string& path);

// Bytes that an ordinary user may still write on the file system of `path`, which exists.
absl::StatusOr<int64_t> FreeSpace(const std::string& path);

// DISK_FULL, with how much is needed and free, when less than `needed` bytes are free on the file system of `path`.
absl::Status CheckFreeSpace(const std::string& path, int64_t needed);

// A DISK_FULL that came of writing below the folder `path`, without figures: the same with the folder's name, and what
// is free there and needed (0: unknown). All else stays as it is.
absl::Status WithFreeSpace(const absl::Status& status, const std::string& path, int64_t needed);

// "0 B", "1.2 GiB": for messages.
std::string HumanSize(int64_t bytes);

}  // namespace wslm

#endif  // WSLM_DISTROS_HOST_FILES_H_
