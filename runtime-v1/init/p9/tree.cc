#include "runtime-v1/init/p9/tree.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <utility>

namespace wslm::p9 {
namespace {

constexpr uint8_t kFolderQid = 0x80;
constexpr uint8_t kLinkQid = 0x02;

int OpenBelow(int folder, const std::string& path, uint64_t flags, uint64_t resolve) {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC | flags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve;
  return static_cast<int>(::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof(how)));
}

bool SameFile(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

std::string PathOf(int fd) {
  char path[PATH_MAX];
  const ssize_t size = ::readlink(FdPath(fd).c_str(), path, sizeof(path));
  return size < 0 ? "" : std::string(path, static_cast<size_t>(size));
}

}  // namespace

bool IsName(const std::string& name) {
  return !name.empty() && name.size() <= NAME_MAX && name != "." && name != ".." &&
         name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

Qid QidOf(const struct stat& stat) {
  Qid qid;
  qid.type = S_ISDIR(stat.st_mode) ? kFolderQid : S_ISLNK(stat.st_mode) ? kLinkQid : 0;
  qid.version = static_cast<uint32_t>(stat.st_mtim.tv_sec ^ stat.st_size << 8);
  qid.path = stat.st_ino;
  return qid;
}

std::string FdPath(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

int Tree::Root(Node& node) const { return Copy({.fd = UniqueFd(::dup(root_.get())), .covered = false}, node); }

int Tree::Copy(const Node& from, Node& to) const {
  UniqueFd fd(::fcntl(from.fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!fd) return errno;
  to = {.fd = std::move(fd), .covered = from.covered};
  return 0;
}

int Tree::Walk(const Node& from, const std::string& name, Node& to) const {
  if (name == "..") {
    struct stat here, root;
    if (::fstat(from.fd.get(), &here) != 0 || ::fstat(root_.get(), &root) != 0) return errno;
    if (SameFile(here, root)) return Root(to);
    UniqueFd folder;
    std::string ignored;
    if (int error = Locate(from, folder, ignored)) return error;
    to = {.fd = std::move(folder), .covered = false};
    return 0;
  }
  if (!IsName(name) || from.covered) return ENOENT;
  UniqueFd fd(OpenBelow(from.fd.get(), name, O_NOFOLLOW, RESOLVE_NO_XDEV));
  const bool mounted = !fd && errno == EXDEV;
  if (mounted) fd.Reset(::openat(from.fd.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return errno;
  to = {.fd = std::move(fd), .covered = mounted};
  return 0;
}

int Tree::Locate(const Node& node, UniqueFd& folder, std::string& name) const {
  const std::string root = PathOf(root_.get());
  std::string path = PathOf(node.fd.get());
  if (root != "/") {
    if (!path.starts_with(root + "/")) return ENOENT;
    path.erase(0, root.size());
  }
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ENOENT;
  name = path.substr(slash + 1);
  const std::string above = slash == 0 ? "." : path.substr(1, slash - 1);
  folder.Reset(OpenBelow(root_.get(), above, O_DIRECTORY, RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV));
  if (!folder) return errno;
  struct stat here, found;
  if (::fstat(node.fd.get(), &here) != 0) return errno;
  if (::fstatat(folder.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) return errno;
  return SameFile(here, found) ? 0 : ENOENT;
}

}  // namespace wslm::p9
