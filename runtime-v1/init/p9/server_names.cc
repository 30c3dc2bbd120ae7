// Names in folders: symlink, mknod, mkdir, link, rename, unlink.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "runtime-v1/init/p9/server.h"

namespace wslm::p9 {

int Server::Folder(const Reader& in, uint32_t number, const std::string& name, Fid*& fid) {
  if (!in.ok()) return EINVAL;
  fid = Find(number);
  if (fid == nullptr || fid->xattr) return EBADF;
  if (!IsName(name)) return EINVAL;
  return fid->node.covered ? EROFS : 0;
}

int Server::FinishNew(const Fid& folder, const std::string& name, uint32_t gid, Writer& out) {
  const int fd = folder.node.fd.get();
  if (folder.user != kNone && ::fchownat(fd, name.c_str(), folder.user, gid, AT_SYMLINK_NOFOLLOW) != 0) return errno;
  struct stat stat;
  if (::fstatat(fd, name.c_str(), &stat, AT_SYMLINK_NOFOLLOW) != 0) return errno;
  out.Put(QidOf(stat));
  return 0;
}

int Server::Symlink(Reader& in, Writer& out) {
  const uint32_t number = in.U32();
  const std::string name = in.String();
  const std::string target = in.String();
  const uint32_t gid = in.U32();
  Fid* folder;
  if (int error = Folder(in, number, name, folder)) return error;
  if (target.find('\0') != std::string::npos) return EINVAL;
  if (::symlinkat(target.c_str(), folder->node.fd.get(), name.c_str()) != 0) return errno;
  return FinishNew(*folder, name, gid, out);
}

int Server::MkNod(Reader& in, Writer& out) {
  const uint32_t number = in.U32();
  const std::string name = in.String();
  const uint32_t mode = in.U32();
  const uint32_t major_number = in.U32();
  const uint32_t minor_number = in.U32();
  const uint32_t gid = in.U32();
  Fid* folder;
  if (int error = Folder(in, number, name, folder)) return error;
  const int fd = folder->node.fd.get();
  if (::mknodat(fd, name.c_str(), mode & (S_IFMT | 07777), makedev(major_number, minor_number)) != 0) return errno;
  return FinishNew(*folder, name, gid, out);
}

int Server::MkDir(Reader& in, Writer& out) {
  const uint32_t number = in.U32();
  const std::string name = in.String();
  const uint32_t mode = in.U32();
  const uint32_t gid = in.U32();
  Fid* folder;
  if (int error = Folder(in, number, name, folder)) return error;
  if (::mkdirat(folder->node.fd.get(), name.c_str(), mode & 07777) != 0) return errno;
  return FinishNew(*folder, name, gid, out);
}

int Server::Link(Reader& in) {
  const uint32_t number = in.U32();
  Fid* fid = Find(in.U32());
  const std::string name = in.String();
  Fid* folder;
  if (int error = Folder(in, number, name, folder)) return error;
  if (fid == nullptr || fid->xattr) return EBADF;
  const std::string path = FdPath(fid->node.fd.get());
  return ::linkat(AT_FDCWD, path.c_str(), folder->node.fd.get(), name.c_str(), AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

int Server::Rename(Reader& in) {
  Fid* fid = Find(in.U32());
  const uint32_t number = in.U32();
  const std::string name = in.String();
  Fid* folder;
  if (int error = Folder(in, number, name, folder)) return error;
  if (fid == nullptr || fid->xattr) return EBADF;
  UniqueFd old_folder;
  std::string old_name;
  if (int error = tree_.Locate(fid->node, old_folder, old_name)) return error;
  return ::renameat(old_folder.get(), old_name.c_str(), folder->node.fd.get(), name.c_str()) == 0 ? 0 : errno;
}

int Server::RenameAt(Reader& in) {
  const uint32_t old_number = in.U32();
  const std::string old_name = in.String();
  const uint32_t number = in.U32();
  const std::string name = in.String();
  Fid *old_folder, *folder;
  if (int error = Folder(in, old_number, old_name, old_folder)) return error;
  if (int error = Folder(in, number, name, folder)) return error;
  const int from = old_folder->node.fd.get();
  return ::renameat(from, old_name.c_str(), folder->node.fd.get(), name.c_str()) == 0 ? 0 : errno;
}

int Server::UnlinkAt(Reader& in) {
  const uint32_t number = in.U32();
  const std::string name = in.String();
  const uint32_t flags = in.U32();
  Fid* folder;
  if (int error = Folder(in, number, name, folder)) return error;
  if (!in.ok()) return EINVAL;
  return ::unlinkat(folder->node.fd.get(), name.c_str(), static_cast<int>(flags & AT_REMOVEDIR)) == 0 ? 0 : errno;
}

}  // namespace wslm::p9
