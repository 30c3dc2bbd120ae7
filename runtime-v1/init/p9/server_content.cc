// What is in files and folders: open, create, read, write, readdir, fsync, locks.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "runtime-v1/init/p9/server.h"

namespace wslm::p9 {
namespace {

// Of Tlopen and Tlcreate, which are Linux' own.
constexpr uint32_t kOpenFlags = O_ACCMODE | O_TRUNC | O_DSYNC | O_SYNC | O_DIRECTORY;
// Bytes of an answer that are not data.
constexpr uint32_t kOverhead = kHeaderSize + 4;

// As getdents64(2) lays it out.
struct DirectoryEntry {
  uint64_t ino;
  int64_t next;
  uint16_t size;
  uint8_t type;
  char name[];
};

int OpenNode(const Node& node, uint32_t flags, UniqueFd& open, struct stat& stat) {
  if (::fstat(node.fd.get(), &stat) != 0) return errno;
  if (S_ISLNK(stat.st_mode)) return ELOOP;
  // A device does who knows what, and who opens a fifo waits.
  if (!S_ISREG(stat.st_mode) && !S_ISDIR(stat.st_mode)) return ENXIO;
  open.Reset(::open(FdPath(node.fd.get()).c_str(), static_cast<int>(flags & kOpenFlags) | O_CLOEXEC | O_NONBLOCK));
  return open ? 0 : errno;
}

bool ReadRange(Reader& in, struct flock& lock) {
  const uint64_t start = in.U64();
  const uint64_t length = in.U64();
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(start);
  lock.l_len = static_cast<off_t>(length);
  return lock.l_start >= 0 && lock.l_len >= 0;
}

// Tlock's types.
constexpr short kLockTypes[] = {F_RDLCK, F_WRLCK, F_UNLCK};

}  // namespace

int Server::LOpen(Reader& in, Writer& out) {
  Fid* fid = Find(in.U32());
  const uint32_t flags = in.U32();
  if (fid == nullptr || fid->open || fid->xattr) return EBADF;
  struct stat stat;
  if (int error = OpenNode(fid->node, flags, fid->open, stat)) return error;
  out.Put(QidOf(stat));
  out.U32(0);
  return 0;
}

int Server::LCreate(Reader& in, Writer& out) {
  const uint32_t number = in.U32();
  const std::string name = in.String();
  const uint32_t flags = in.U32();
  const uint32_t mode = in.U32();
  const uint32_t gid = in.U32();
  Fid* folder;
  if (int error = Folder(in, number, name, folder)) return error;
  if (folder->open) return EBADF;
  Fid made;
  made.user = folder->user;
  const int how = static_cast<int>(flags & kOpenFlags & ~O_DIRECTORY) | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  made.open.Reset(::openat(folder->node.fd.get(), name.c_str(), how, mode & 07777));
  struct stat stat;
  if (made.open) {
    Writer ignored;
    if (int error = FinishNew(*folder, name, gid, ignored)) return error;
    made.node.fd.Reset(::open(FdPath(made.open.get()).c_str(), O_PATH | O_CLOEXEC));
    if (!made.node.fd || ::fstat(made.open.get(), &stat) != 0) return errno;
  } else {
    if (errno != EEXIST || (flags & O_EXCL)) return errno;
    if (int error = tree_.Walk(folder->node, name, made.node)) return error;
    if (int error = OpenNode(made.node, flags, made.open, stat)) return error;
  }
  *folder = std::move(made);
  out.Put(QidOf(stat));
  out.U32(0);
  return 0;
}

int Server::Read(Reader& in, Writer& out) {
  Fid* fid = Find(in.U32());
  const uint64_t offset = in.U64();
  const uint32_t count = std::min(in.U32(), largest_ - kOverhead);
  if (fid == nullptr || (!fid->open && !fid->xattr)) return EBADF;
  std::string bytes;
  if (fid->xattr) {
    if (fid->xattr->writing) return EBADF;
    const std::string& value = fid->xattr->value;
    if (offset < value.size()) bytes = value.substr(offset, count);
  } else {
    bytes.resize(count);
    const ssize_t got = ::pread(fid->open.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0) return errno;
    bytes.resize(static_cast<size_t>(got));
  }
  out.U32(static_cast<uint32_t>(bytes.size()));
  out.Append(bytes);
  return 0;
}

int Server::Write(Reader& in, Writer& out) {
  Fid* fid = Find(in.U32());
  const uint64_t offset = in.U64();
  const uint32_t count = in.U32();
  const std::string_view bytes = in.Bytes(count);
  if (!in.ok()) return EINVAL;
  if (fid == nullptr || (!fid->open && !fid->xattr)) return EBADF;
  if (fid->xattr) {
    Xattr& xattr = *fid->xattr;
    if (!xattr.writing) return EBADF;
    if (offset != xattr.value.size() || bytes.size() > xattr.size - xattr.value.size()) return EINVAL;
    xattr.value += bytes;
    out.U32(count);
    return 0;
  }
  const ssize_t written = ::pwrite(fid->open.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (written < 0) return errno;
  out.U32(static_cast<uint32_t>(written));
  return 0;
}

int Server::ReadDir(Reader& in, Writer& out) {
  Fid* fid = Find(in.U32());
  const uint64_t offset = in.U64();
  const uint32_t count = std::min(in.U32(), largest_ - kOverhead);
  if (fid == nullptr || !fid->open) return EBADF;
  Writer entries;
  if (!fid->node.covered) {
    if (::lseek(fid->open.get(), static_cast<off_t>(offset), SEEK_SET) < 0) return errno;
    // An entry is never larger here than there.
    std::vector<char> buffer(std::max<size_t>(count, sizeof(DirectoryEntry) + NAME_MAX + 1));
    const long got = ::syscall(SYS_getdents64, fid->open.get(), buffer.data(), buffer.size());
    if (got < 0) return errno;
    for (long at = 0; at < got;) {
      DirectoryEntry entry;
      std::memcpy(&entry, buffer.data() + at, offsetof(DirectoryEntry, name));
      const std::string_view name(buffer.data() + at + offsetof(DirectoryEntry, name));
      at += entry.size;
      if (entries.size() + 24 + name.size() > count) {
        if (entries.size() == 0) return EINVAL;
        break;
      }
      struct stat kind = {};
      kind.st_mode = DTTOIF(entry.type);
      kind.st_ino = entry.ino;
      entries.Put(QidOf(kind));
      entries.U64(static_cast<uint64_t>(entry.next));
      entries.U8(entry.type);
      entries.String(name);
    }
  }
  out.U32(static_cast<uint32_t>(entries.size()));
  out.Append(entries.bytes());
  return 0;
}

int Server::FSync(Reader& in) {
  Fid* fid = Find(in.U32());
  const bool data_only = in.U32() != 0;
  if (fid == nullptr || !fid->open) return EBADF;
  return (data_only ? ::fdatasync(fid->open.get()) : ::fsync(fid->open.get())) == 0 ? 0 : errno;
}

int Server::Lock(Reader& in, Writer& out) {
  constexpr uint8_t kSuccess = 0, kBlocked = 1;
  Fid* fid = Find(in.U32());
  const uint8_t type = in.U8();
  in.U32();  // "may wait": the client asks again
  struct flock lock = {};
  if (!ReadRange(in, lock) || type >= std::size(kLockTypes)) return EINVAL;
  if (fid == nullptr || !fid->open) return EBADF;
  lock.l_type = kLockTypes[type];
  if (::fcntl(fid->open.get(), F_OFD_SETLK, &lock) == 0) {
    out.U8(kSuccess);
    return 0;
  }
  if (errno != EAGAIN && errno != EACCES) return errno;
  out.U8(kBlocked);
  return 0;
}

int Server::GetLock(Reader& in, Writer& out) {
  Fid* fid = Find(in.U32());
  const uint8_t type = in.U8();
  struct flock lock = {};
  if (!ReadRange(in, lock) || type >= std::size(kLockTypes)) return EINVAL;
  const uint32_t process = in.U32();
  const std::string client = in.String();
  if (fid == nullptr || !fid->open) return EBADF;
  lock.l_type = kLockTypes[type];
  if (::fcntl(fid->open.get(), F_OFD_GETLK, &lock) != 0) return errno;
  out.U8(static_cast<uint8_t>(std::find(std::begin(kLockTypes), std::end(kLockTypes), lock.l_type) - kLockTypes));
  out.U64(static_cast<uint64_t>(lock.l_start));
  out.U64(static_cast<uint64_t>(lock.l_len));
  out.U32(process);
  out.String(client);
  return 0;
}

}  // namespace wslm::p9
