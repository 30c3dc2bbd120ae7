#include "daemon/operations/host_source.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/host/byte_stream.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "distros/tar/tar_source.h"

namespace wslm::daemon {

absl::StatusOr<HostSource> OpenHostSource(const std::string& path) {
  // A fifo would hold the open up.
  ASSIGN_OR_RETURN(UniqueFd file, OpenFile(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return ErrnoError("cannot look at", path);
  if (S_ISDIR(status.st_mode)) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat,
                 absl::StrCat(path, " is a folder. Pack it with 'tar --numeric-owner -c' as root and use the archive."),
                 {{"detected", "folder"}, {"path", path}});
  }
  if (!S_ISREG(status.st_mode)) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat,
                 absl::StrCat(path, " is no regular file. Give a stream through standard input, as '-'."),
                 {{"detected", "special file"}, {"path", path}});
  }
  HostSource opened;
  opened.size = status.st_size;
  ASSIGN_OR_RETURN(opened.source, OpenTarSource(FdByteSource(std::move(file), path), path));
  return opened;
}

}  // namespace wslm::daemon
