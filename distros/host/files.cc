#include "distros/host/files.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <limits>
#include <memory>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

// Room in a name of 255 bytes for what makes it temporary.
constexpr size_t kShownOfName = 230;

absl::Status OpenError(const std::string& path, int error) {
  if (error != ENOENT) return ErrnoError("cannot open", path, error);
  return Error(absl::StatusCode::kNotFound, reason::kFileNotFound,
               absl::StrCat("There is no file ", Escaped(path), "."), {{"path", path}});
}

absl::Status WriteAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t count = ::write(fd, content.data(), content.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return ErrnoError("cannot write", path);
    }
    content.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

// Gives `temporary` the name `name` for good. When that can't be made to last, what had the name before has it again.
absl::Status ReplaceFile(int folder, const std::string& temporary, const std::string& name, const std::string& path) {
  struct stat present;
  if (::fstatat(folder, name.c_str(), &present, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(present.st_mode)) {
    return ErrnoError("cannot replace", path, EISDIR);
  }
  const bool exchanged = ::renameat2(folder, temporary.c_str(), folder, name.c_str(), RENAME_EXCHANGE) == 0;
  // Else the file system can't exchange, and what was there is lost to the new one.
  const bool is_new = !exchanged && errno == ENOENT;
  if (!exchanged && ::renameat(folder, temporary.c_str(), folder, name.c_str()) != 0) {
    return ErrnoError("cannot replace", path);
  }
  absl::Status status = Failpoint("file.renamed");
  if (status.ok() && ::fsync(folder) != 0) status = ErrnoError("cannot write", path);
  if (!status.ok() && exchanged) {
    ::renameat2(folder, temporary.c_str(), folder, name.c_str(), RENAME_EXCHANGE);
  } else if (!status.ok() && is_new) {
    ::unlinkat(folder, name.c_str(), 0);
  }
  return status;
}

}  // namespace

absl::StatusOr<UniqueFd> OpenFile(const std::string& path, int flags, mode_t mode) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) return OpenError(path, errno);
  return fd;
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t limit) {
  // O_NONBLOCK: a fifo must not hold us.
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY | O_NONBLOCK));
  struct stat st;
  if (::fstat(fd.get(), &st) != 0) return ErrnoError("cannot read", path);
  if (!S_ISREG(st.st_mode)) return ErrnoError("cannot read", path, S_ISDIR(st.st_mode) ? EISDIR : EINVAL);
  std::string content;
  char buffer[16384];
  while (true) {
    const ssize_t count = ::read(fd.get(), buffer, sizeof(buffer));
    if (count == 0) return content;
    if (count < 0) {
      if (errno == EINTR) continue;
      return ErrnoError("cannot read", path);
    }
    content.append(buffer, static_cast<size_t>(count));
    if (content.size() > limit) return ErrnoError("cannot read", path, EFBIG);
  }
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view content, mode_t mode) {
  ASSIGN_OR_RETURN(const UniqueFd folder, OpenFile(ParentPath(path), O_RDONLY | O_DIRECTORY));
  const std::string name = BaseName(path);
  const std::string temporary = absl::StrFormat(".%s.tmp-%08x", name.substr(0, kShownOfName), std::random_device{}());
  UniqueFd file(::openat(folder.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file) return ErrnoError("cannot write", path);
  absl::Status status = Failpoint("file.write");
  if (status.ok()) status = WriteAll(file.get(), content, path);
  // Not subject to the umask.
  if (status.ok() && ::fchmod(file.get(), mode) != 0) status = ErrnoError("cannot set the mode of", path);
  if (status.ok()) status = Failpoint("file.sync");
  if (status.ok() && ::fsync(file.get()) != 0) status = ErrnoError("cannot write", path);
  if (status.ok()) status = Failpoint("file.rename");
  if (status.ok()) status = ReplaceFile(folder.get(), temporary, name, path);
  // The new content that failed, or the old one.
  if (::unlinkat(folder.get(), temporary.c_str(), 0) != 0 && errno != ENOENT && status.ok()) {
    status = ErrnoError("cannot remove", absl::StrCat(ParentPath(path), "/", temporary));
  }
  return status;
}

absl::Status SyncFolder(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd folder, OpenFile(path, O_RDONLY | O_DIRECTORY));
  RETURN_IF_ERROR(Failpoint("folder.sync"));
  if (::fsync(folder.get()) != 0) return ErrnoError("cannot write", path);
  return absl::OkStatus();
}

absl::Status MakeFolders(const std::string& path, mode_t mode) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    struct stat st;
    if (::stat(part.c_str(), &st) == 0) {
      if (!S_ISDIR(st.st_mode)) return ErrnoError("cannot make the folder", part, ENOTDIR);
    } else if (::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) {
      return ErrnoError("cannot make the folder", part);
    }
    if (slash == std::string::npos) return absl::OkStatus();
  }
}

bool PathExists(const std::string& path) {
  struct stat st;
  return ::lstat(path.c_str(), &st) == 0;
}

bool IsEmptyFolder(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), &::closedir);
  if (folder == nullptr) return false;
  errno = 0;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return false;
  }
  return errno == 0;
}

std::string ParentPath(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

absl::StatusOr<int64_t> FreeSpace(const std::string& path) {
  struct statvfs st;
  if (::statvfs(path.c_str(), &st) != 0) return ErrnoError("cannot tell the free space of", path);
  const unsigned __int128 bytes = static_cast<unsigned __int128>(st.f_bavail) * st.f_frsize;
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  return bytes > static_cast<unsigned __int128>(kMax) ? kMax : static_cast<int64_t>(bytes);
}

absl::Status CheckFreeSpace(const std::string& path, int64_t needed) {
  ASSIGN_OR_RETURN(const int64_t available, FreeSpace(path));
  if (available >= needed) return absl::OkStatus();
  return Error(absl::StatusCode::kResourceExhausted, reason::kDiskFull,
               absl::StrCat("No room in ", Escaped(path), ": needs ", HumanSize(needed), ", has ", HumanSize(available),
                            " free."),
               {{"path", path}, {"needed_bytes", absl::StrCat(needed)}, {"free_bytes", absl::StrCat(available)}});
}

absl::Status WithFreeSpace(const absl::Status& status, const std::string& path, int64_t needed) {
  const absl::StatusOr<int64_t> available = FreeSpace(path);
  if (ReasonOf(status) != reason::kDiskFull || MetadataOf(status).contains("free_bytes") || !available.ok()) {
    return status;
  }
  ErrorMetadata metadata = {{"path", path}, {"free_bytes", absl::StrCat(*available)}};
  if (needed > 0) metadata["needed_bytes"] = absl::StrCat(needed);
  return Error(absl::StatusCode::kResourceExhausted, reason::kDiskFull,
               absl::StrCat("No room in ", Escaped(path), ": ",
                            needed > 0 ? absl::StrCat("needs about ", HumanSize(needed), ", ") : "", "has ",
                            HumanSize(*available), " free (", status.message(), ")."),
               metadata);
}

std::string HumanSize(int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  // 1023.95 would be shown as 1024.0.
  while (value >= 1023.95 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

}  // namespace wslm
