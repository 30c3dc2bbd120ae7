// What files are: getattr, setattr, statfs, readlink, xattrs.
#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <utility>

#include "runtime-v1/init/p9/server.h"

namespace wslm::p9 {
namespace {

// Of Rgetattr: all but the time of birth, the generation and the data's version.
constexpr uint64_t kBasic = 0x7ff;

// Of Tsetattr.
enum SetBits : uint32_t {
  kSetMode = 0x1,
  kSetUid = 0x2,
  kSetGid = 0x4,
  kSetSize = 0x8,
  kSetAtime = 0x10,
  kSetMtime = 0x20,
  kSetAtimeTo = 0x80,
  kSetMtimeTo = 0x100,
};

// "to now" without the bit that says to what.
timespec TimeOf(uint32_t valid, uint32_t set, uint32_t set_to, uint64_t seconds, uint64_t nanoseconds) {
  if (!(valid & set)) return {.tv_sec = 0, .tv_nsec = UTIME_OMIT};
  if (!(valid & set_to)) return {.tv_sec = 0, .tv_nsec = UTIME_NOW};
  return {.tv_sec = static_cast<time_t>(seconds), .tv_nsec = static_cast<long>(nanoseconds)};
}

}  // namespace

int Server::GetAttr(Reader& in, Writer& out) {
  Fid* fid = Find(in.U32());
  const uint64_t wanted = in.U64();
  if (fid == nullptr) return EBADF;
  struct stat stat;
  if (::fstat(fid->node.fd.get(), &stat) != 0) return errno;
  out.U64(wanted & kBasic);
  out.Put(QidOf(stat));
  out.U32(stat.st_mode);
  out.U32(stat.st_uid);
  out.U32(stat.st_gid);
  out.U64(stat.st_nlink);
  out.U64(stat.st_rdev);
  out.U64(static_cast<uint64_t>(stat.st_size));
  out.U64(static_cast<uint64_t>(stat.st_blksize));
  out.U64(static_cast<uint64_t>(stat.st_blocks));
  for (const timespec& time : {stat.st_atim, stat.st_mtim, stat.st_ctim}) {
    out.U64(static_cast<uint64_t>(time.tv_sec));
    out.U64(static_cast<uint64_t>(time.tv_nsec));
  }
  for (int i = 0; i < 4; ++i) out.U64(0);
  return 0;
}

int Server::SetAttr(Reader& in) {
  Fid* fid = Find(in.U32());
  const uint32_t valid = in.U32();
  const uint32_t mode = in.U32();
  const uint32_t uid = in.U32();
  const uint32_t gid = in.U32();
  const uint64_t size = in.U64();
  const uint64_t atime = in.U64(), atime_ns = in.U64(), mtime = in.U64(), mtime_ns = in.U64();
  if (!in.ok() || fid == nullptr) return EBADF;
  const int fd = fid->node.fd.get();
  const std::string path = FdPath(fd);
  // Owners first: they take set-id bits away.
  if (valid & (kSetUid | kSetGid)) {
    const uid_t to_uid = valid & kSetUid ? uid : kNone;
    const gid_t to_gid = valid & kSetGid ? gid : kNone;
    if (::fchownat(fd, "", to_uid, to_gid, AT_EMPTY_PATH) != 0) return errno;
  }
  if (valid & kSetMode) {
    struct stat stat;
    if (::fstat(fd, &stat) != 0) return errno;
    if (S_ISLNK(stat.st_mode)) return EOPNOTSUPP;
    if (::chmod(path.c_str(), mode & 07777) != 0) return errno;
  }
  if (valid & kSetSize) {
    // Not by the path of what may be a fifo or a device.
    struct stat stat;
    if (::fstat(fd, &stat) != 0) return errno;
    if (!S_ISREG(stat.st_mode)) return S_ISDIR(stat.st_mode) ? EISDIR : EINVAL;
    if (::truncate(path.c_str(), static_cast<off_t>(size)) != 0) return errno;
  }
  if (valid & (kSetAtime | kSetMtime)) {
    const timespec times[] = {TimeOf(valid, kSetAtime, kSetAtimeTo, atime, atime_ns),
                              TimeOf(valid, kSetMtime, kSetMtimeTo, mtime, mtime_ns)};
    if (::utimensat(fd, "", times, AT_EMPTY_PATH) != 0) return errno;
  }
  return 0;
}

int Server::StatFs(Reader& in, Writer& out) {
  Fid* fid = Find(in.U32());
  if (fid == nullptr) return EBADF;
  struct statfs stat;
  if (::fstatfs(fid->node.fd.get(), &stat) != 0) return errno;
  out.U32(static_cast<uint32_t>(stat.f_type));
  out.U32(static_cast<uint32_t>(stat.f_bsize));
  for (const uint64_t number : {stat.f_blocks, stat.f_bfree, stat.f_bavail, stat.f_files, stat.f_ffree})
    out.U64(number);
  out.U64(static_cast<uint32_t>(stat.f_fsid.__val[0]) | static_cast<uint64_t>(stat.f_fsid.__val[1]) << 32);
  out.U32(static_cast<uint32_t>(stat.f_namelen));
  return 0;
}

int Server::ReadLink(Reader& in, Writer& out) {
  Fid* fid = Find(in.U32());
  if (fid == nullptr) return EBADF;
  char text[PATH_MAX];
  const ssize_t size = ::readlinkat(fid->node.fd.get(), "", text, sizeof(text));
  // Of what is no link, the kernel says that there is none.
  if (size < 0) return errno == ENOENT ? EINVAL : errno;
  out.String({text, static_cast<size_t>(size)});
  return 0;
}

int Server::XattrWalk(Reader& in, Writer& out) {
  Fid* fid = Find(in.U32());
  const uint32_t number = in.U32();
  const std::string name = in.String();
  if (!in.ok() || fid == nullptr || fid->xattr) return EBADF;
  const std::string path = FdPath(fid->node.fd.get());
  Fid read;
  read.user = fid->user;
  read.xattr.emplace();
  read.xattr->value.resize(XATTR_SIZE_MAX);
  std::string& value = read.xattr->value;
  const ssize_t size = name.empty() ? ::listxattr(path.c_str(), value.data(), value.size())
                                    : ::getxattr(path.c_str(), name.c_str(), value.data(), value.size());
  if (size < 0) return errno;
  value.resize(static_cast<size_t>(size));
  value.shrink_to_fit();
  if (int error = tree_.Copy(fid->node, read.node)) return error;
  if (int error = Add(number, std::move(read))) return error;
  out.U64(static_cast<uint64_t>(size));
  return 0;
}

int Server::XattrCreate(Reader& in) {
  Fid* fid = Find(in.U32());
  const std::string name = in.String();
  const uint64_t size = in.U64();
  const uint32_t flags = in.U32();
  if (!in.ok() || fid == nullptr || fid->open || fid->xattr) return EBADF;
  if (size > XATTR_SIZE_MAX) return E2BIG;
  fid->xattr = Xattr{.name = name, .value = "", .size = size, .flags = flags, .writing = true};
  return 0;
}

// The protocol has no other way to take one away than to store an empty value.
int Server::StoreXattr(Fid& fid) {
  const Xattr& xattr = *fid.xattr;
  if (xattr.value.size() != xattr.size) return EINVAL;
  const std::string path = FdPath(fid.node.fd.get());
  if (xattr.size == 0 && xattr.flags == XATTR_REPLACE) {
    return ::removexattr(path.c_str(), xattr.name.c_str()) == 0 ? 0 : errno;
  }
  const int flags = static_cast<int>(xattr.flags & (XATTR_CREATE | XATTR_REPLACE));
  const int result = ::setxattr(path.c_str(), xattr.name.c_str(), xattr.value.data(), xattr.value.size(), flags);
  return result == 0 ? 0 : errno;
}

}  // namespace wslm::p9
