// unix(7): sockets with names in the file system, and who is at the other end.
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "runtime-v1/lxcore/create.h"
#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/guest_socket.h"
#include "runtime-v1/lxcore/handlers.h"
#include "runtime-v1/lxcore/process_facts.h"
#include "runtime-v1/lxcore/sys_limits.h"

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

// The port of an address to bind to; 0 where it has none.
uint16_t PortOf(const Call& call) {
  sockaddr_in address = {};
  if (call.arg(2) < sizeof(address) || ReadGuest(call.tid(), call.arg(1), &address, sizeof(address)) != 0) return 0;
  // Of both versions it is in the same place.
  return address.sin_family == AF_INET || address.sin_family == AF_INET6 ? ntohs(address.sin_port) : 0;
}

// Checks the sender's ids, if the control data holds any, and makes them what the host's kernel takes. 0 or an errno.
int TranslateSentIds(Kernel& k, const Call& call, const Credentials& c, const msghdr& message) {
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
    const uint64_t at =
        reinterpret_cast<uint64_t>(message.msg_control) + (reinterpret_cast<char*>(CMSG_DATA(part)) - control.data());
    if (const auto before = k.senders.Replaced(call, at); before && ids.uid == 0 && ids.gid == 0) {
      ids.uid = before->uid;
      ids.gid = before->gid;
    }
    // An earlier lxcore has checked and changed them already.
    if (call.journal().Resumed() && ids.uid == 0 && ids.gid == 0) continue;
    const bool own_uid = ids.uid == c.ruid || ids.uid == c.euid || ids.uid == c.suid || c.Has(CAP_SETUID);
    const bool own_gid = ids.gid == c.rgid || ids.gid == c.egid || ids.gid == c.sgid || c.Has(CAP_SETGID);
    const bool own_pid = c.HasHere(CAP_SYS_ADMIN) || ids.pid == InnerProcessId(k.proc, call.tid());
    if (!own_uid || !own_gid || !own_pid) return EPERM;
    k.senders.RememberSent(call, c, ids);
    if (ids.uid == 0 && ids.gid == 0) continue;
    // The one id that the host's kernel can carry.
    k.senders.Replace(call, at, ids);
    ids.uid = ids.gid = 0;
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
    iovec first;
    if (message.msg_namelen == sizeof(sockaddr_nl) && message.msg_iovlen > 0 &&
        ReadGuest(call.tid(), reinterpret_cast<uint64_t>(message.msg_iov), &first, sizeof(first)) == 0) {
      LookAtNetlink(k, call, reinterpret_cast<uint64_t>(first.iov_base));
    }
  }
  return message.msg_controllen == 0 ? 0 : TranslateSentIds(k, call, c, message);
}

Reply ContinueUnless(int error) { return error != 0 ? Reply::Error(error) : Reply::Continue(); }

}  // namespace

Reply SysBind(Kernel& k, const Call& call) {
  std::string path;
  if (int error = ReadPath(call, call.arg(1), call.arg(2), path)) return Reply::Error(error);
  if (path.empty()) return ContinueUnless(BindPort(k, call, PortOf(call)));
  const Credentials& c = k.CredentialsOf(call);
  Target target;
  if (int error = k.ResolvePath(call, c, AT_FDCWD, path, kNoFollow | kWithParent, target)) return Reply::Error(error);
  const bool made_before = target.error == 0 && call.journal().MayHaveMade(target.file.host, S_IFSOCK);
  if ((target.error != ENOENT && !made_before) || !target.parent_known || KernelKeepsOwners(target.parent)) {
    return target.error == 0 ? Reply::Error(EADDRINUSE) : Reply::Continue();
  }
  if (int error = c.IsFileRoot() ? 0 : Kernel::MayChangeFolder(c, target)) return Reply::Error(error);
  const NewFile made = WhatToMake(k, call, c, target, S_IFSOCK | kSocketMode);
  if (KernelMakes(c, target.parent, made)) return Reply::Continue();
  if (made_before) {
    return Reply::Error(k.files.SetNew(target.name, AT_SYMLINK_NOFOLLOW, made.attributes, made.lists));
  }
  UniqueFd socket = CopyOfGuestSocket(call, call.int_arg(0));
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
  return Reply::Error(k.files.SetNew(target.name, AT_SYMLINK_NOFOLLOW, made.attributes, made.lists));
}

Reply SysConnect(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  sa_family_t family = AF_UNSPEC;
  if (ReadGuest(call.tid(), call.arg(1), &family, sizeof(family)) == 0 && family == AF_UNIX)
    k.senders.Remember(call, c);
  return ContinueUnless(MayReach(k, call, c, call.arg(1), call.id_arg(2)));
}

Reply SysListen(Kernel& k, const Call& call) {
  k.senders.Remember(call, k.CredentialsOf(call));
  return Reply::Continue();
}

// Who connected, or listened.
Reply SysGetSockOpt(Kernel& k, const Call& call) {
  if (call.int_arg(1) != SOL_SOCKET) return Reply::Continue();
  UniqueFd socket = CopyOfGuestSocket(call, call.int_arg(0));
  if (!socket) return Reply::Continue();
  ucred peer = {};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return Reply::Continue();
  if (peer.pid <= 0) return Reply::Continue();
  const std::optional<Credentials> c = k.senders.PeerOf(peer.pid);
  // A process of the host, or nobody known.
  if (!c) return Reply::Continue();
  socklen_t room = 0;
  if (int error = ReadGuest(call.tid(), call.arg(4), &room, sizeof(room))) return Reply::Error(error);
  if (static_cast<int>(room) < 0) return Reply::Error(EINVAL);
  std::vector<uint32_t> answer;
  if (call.int_arg(2) == SO_PEERCRED) {
    answer = {static_cast<uint32_t>(k.senders.NumberFor(call.tid(), peer.pid)), k.ShownUid(call, c->euid),
              k.ShownGid(call, c->egid)};
  } else {
    for (uint32_t group : c->groups) answer.push_back(k.ShownGid(call, group));
  }
  size = answer.size() * sizeof(answer[0]);
  const bool too_small = call.int_arg(2) == SO_PEERGROUPS && room < size;
  if (call.int_arg(2) == SO_PEERCRED) size = std::min(size, room);
  if (int error = too_small ? 0 : WriteGuest(call.tid(), call.arg(3), answer.data(), size)) return Reply::Error(error);
  if (int error = WriteGuest(call.tid(), call.arg(4), &size, sizeof(size))) return Reply::Error(error);
  return Reply::Error(too_small ? ERANGE : 0);
}

Reply SysSendTo(Kernel& k, const Call& call) {
  if (call.id_arg(5) == sizeof(sockaddr_nl)) LookAtNetlink(k, call, call.arg(1));
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
