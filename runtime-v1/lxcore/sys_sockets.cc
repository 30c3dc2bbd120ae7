// unix(7): sockets with names in the file system, and who is at the other end.
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "runtime-v1/lxcore/create.h"
#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/handlers.h"
#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

constexpr int kSocketMode = 0777;

// The path of a named Unix socket; empty for all other addresses.
int ReadPath(const Call& call, uint64_t address, uint64_t length, std::string& path) {
  sockaddr_un un = {};
  path.clear();
  if (length <= offsetof(sockaddr_un, sun_path) || length > sizeof(un)) return 0;
  if (int error = ReadGuest(call.tid(), address, &un, length)) return error;
  if (un.sun_family != AF_UNIX || un.sun_path[0] == '\0') return 0;
  path.assign(un.sun_path, ::strnlen(un.sun_path, length - offsetof(sockaddr_un, sun_path)));
  return 0;
}

// A copy of a descriptor of the guest's.
UniqueFd CopyOf(const Call& call, int fd) {
  UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, call.tid(), 0)));
  if (!process) {
    // A thread that isn't its process' first: its descriptors are the process'.
    const std::string status = ReadProcFile(AT_FDCWD, std::to_string(call.tid()) + "/status");
    process.Reset(static_cast<int>(::syscall(SYS_pidfd_open, std::atoi(StatusField(status, "Tgid").data()), 0)));
  }
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), fd, 0)));
}

// Checks the sender's ids, if the control data holds any, and makes them what the host's kernel takes. 0 or an errno.
int TranslateSentIds(const Call& call, const Credentials& c, const msghdr& message) {
  if (message.msg_controllen < CMSG_LEN(sizeof(ucred)) || message.msg_controllen > 4096) return 0;
  std::string control(message.msg_controllen, '\0');
  if (int error =
          ReadGuest(call.tid(), reinterpret_cast<uint64_t>(message.msg_control), control.data(), control.size())) {
    return error;
  }
  msghdr copy = {};
  copy.msg_control = control.data();
  copy.msg_controllen = control.size();
  for (cmsghdr* part = CMSG_FIRSTHDR(&copy); part != nullptr; part = CMSG_NXTHDR(&copy, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS) continue;
    if (part->cmsg_len < CMSG_LEN(sizeof(ucred))) return EINVAL;
    ucred ids;
    std::memcpy(&ids, CMSG_DATA(part), sizeof(ids));
    // An earlier lxcore has checked and changed them already.
    if (call.journal().Resumed() && ids.uid == 0 && ids.gid == 0) continue;
    const bool own_uid = ids.uid == c.ruid || ids.uid == c.euid || ids.uid == c.suid || c.Has(CAP_SETUID);
    const bool own_gid = ids.gid == c.rgid || ids.gid == c.egid || ids.gid == c.sgid || c.Has(CAP_SETGID);
    if (!own_uid || !own_gid) return EPERM;
    if (ids.uid == 0 && ids.gid == 0) continue;
    // The one id that the host's kernel can carry; receivers learn the real one by SO_PEERCRED.
    ids.uid = ids.gid = 0;
    const uint64_t at =
        reinterpret_cast<uint64_t>(message.msg_control) + (reinterpret_cast<char*>(CMSG_DATA(part)) - control.data());
    call.journal().Begin();
    if (int error = WriteGuest(call.tid(), at, &ids, sizeof(ids))) return error;
  }
  return 0;
}

// Whether `c` may reach the socket of that address: it must be writable. 0 or an errno.
int MayReach(Kernel& k, const Call& call, const Credentials& c, uint64_t address, uint64_t length) {
  if (c.IsFileRoot()) return 0;
  std::string path;
  if (int error = ReadPath(call, address, length, path)) return error;
  if (path.empty()) return 0;
  Target target;
  if (int error = k.ResolvePath(call, c, AT_FDCWD, path, kOnlyLook, target)) return error;
  return target.error != 0 || Kernel::Allowed(c, target.file, W_OK) ? 0 : EACCES;
}

// 0 or an errno for a message as it stands in the guest's memory.
int MaySend(Kernel& k, const Call& call, const Credentials& c, const msghdr& message) {
  if (message.msg_name != nullptr && message.msg_namelen != 0) {
    const auto address = reinterpret_cast<uint64_t>(message.msg_name);
    if (int error = MayReach(k, call, c, address, message.msg_namelen)) return error;
  }
  return message.msg_controllen == 0 ? 0 : TranslateSentIds(call, c, message);
}

Reply ContinueUnless(int error) { return error != 0 ? Reply::Error(error) : Reply::Continue(); }

}  // namespace

Reply SysBind(Kernel& k, const Call& call) {
  std::string path;
  if (int error = ReadPath(call, call.arg(1), call.arg(2), path)) return Reply::Error(error);
  if (path.empty()) return Reply::Continue();
  const Credentials& c = k.CredentialsOf(call);
  Target target;
  if (int error = k.ResolvePath(call, c, AT_FDCWD, path, kNoFollow | kWithParent, target)) return Reply::Error(error);
  const bool made_before = target.error == 0 && call.journal().MayHaveMade(target.file.host, S_IFSOCK);
  if ((target.error != ENOENT && !made_before) || !target.parent_known || KernelKeepsOwners(target.parent)) {
    return target.error == 0 ? Reply::Error(EADDRINUSE) : Reply::Continue();
  }
  if (int error = c.IsFileRoot() ? 0 : Kernel::MayChangeFolder(c, target)) return Reply::Error(error);
  const GuestAttributes made = AttributesToMake(k, call, c, target, S_IFSOCK | kSocketMode);
  if (KernelMakes(c, target.parent, made)) return Reply::Continue();
  if (made_before) return Reply::Error(k.files.SetNew(target.name, AT_SYMLINK_NOFOLLOW, made));
  UniqueFd socket = CopyOf(call, call.int_arg(0));
  if (!socket) return Reply::Error(errno);
  // The guest's own name, which its peers will see: it must work from here as from there.
  sockaddr_un un = {.sun_family = AF_UNIX};
  std::memcpy(un.sun_path, path.data(), std::min(path.size(), sizeof(un.sun_path)));
  const bool relative = path[0] != '/';
  if (relative && ::chdir(GuestPaths::BaseOf(call.tid(), AT_FDCWD).c_str()) != 0) return Reply::Error(errno);
  call.journal().Begin();
  const int result = ::bind(socket.get(), reinterpret_cast<sockaddr*>(&un), call.arg(2));
  const int error = result == 0 ? 0 : errno;
  if (relative) ::fchdir(k.proc);
  if (error != 0) return Reply::Error(error);
  return Reply::Error(k.files.SetNew(target.name, AT_SYMLINK_NOFOLLOW, made));
}

Reply SysConnect(Kernel& k, const Call& call) {
  return ContinueUnless(MayReach(k, call, k.CredentialsOf(call), call.arg(1), call.id_arg(2)));
}

// Who is at the other end now, which is who connected but for programs that changed since.
Reply SysGetSockOpt(Kernel& k, const Call& call) {
  if (call.int_arg(1) != SOL_SOCKET) return Reply::Continue();
  UniqueFd socket = CopyOf(call, call.int_arg(0));
  if (!socket) return Reply::Continue();
  ucred peer = {};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return Reply::Continue();
  if (peer.pid <= 0) return Reply::Continue();
  const Credentials& c = k.identities.Of(peer.pid);
  if (c.euid == 0 && c.egid == 0 && !k.CredentialsOf(call).nested) return Reply::Continue();
  const pid_t inner = InnerProcessId(k.proc, peer.pid);
  // A process of the host, which has no other number.
  if (inner == peer.pid && Identities::IsNobody(c)) return Reply::Continue();
  socklen_t room = 0;
  if (int error = ReadGuest(call.tid(), call.arg(4), &room, sizeof(room))) return Reply::Error(error);
  if (room < sizeof(peer)) return Reply::Continue();
  peer.pid = inner;
  peer.uid = k.ShownUid(call, c.euid);
  peer.gid = k.ShownGid(call, c.egid);
  if (int error = WriteGuest(call.tid(), call.arg(3), &peer, sizeof(peer))) return Reply::Error(error);
  return Reply::Error(WriteGuest(call.tid(), call.arg(4), &size, sizeof(size)));
}

Reply SysSendTo(Kernel& k, const Call& call) {
  return ContinueUnless(MayReach(k, call, k.CredentialsOf(call), call.arg(4), call.id_arg(5)));
}

Reply SysSendMsg(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  msghdr message = {};
  if (int error = ReadGuest(call.tid(), call.arg(1), &message, sizeof(message))) return Reply::Error(error);
  return ContinueUnless(MaySend(k, call, c, message));
}

Reply SysSendMMsg(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  constexpr uint32_t kMost = 1024;  // UIO_MAXIOV: the kernel sends no more
  std::vector<mmsghdr> messages(std::min(call.id_arg(2), kMost));
  if (int error = ReadGuest(call.tid(), call.arg(1), messages.data(), messages.size() * sizeof(messages[0]))) {
    return Reply::Error(error);
  }
  for (const mmsghdr& message : messages) {
    if (int error = MaySend(k, call, c, message.msg_hdr)) return Reply::Error(error);
  }
  return Reply::Continue();
}

}  // namespace wslm::lxcore
