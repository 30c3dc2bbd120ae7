// recvmsg(2), recvmmsg(2): the senders' ids (SO_PASSCRED), which the kernel only knows as the one that is mapped. Of
// all other messages the kernel takes care.
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/guest_socket.h"
#include "runtime-v1/lxcore/handlers.h"
#include "runtime-v1/lxcore/senders.h"

#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04
#endif

namespace wslm::lxcore {
namespace {

constexpr size_t kMostPieces = 1024;  // UIO_MAXIOV
constexpr size_t kMostBytes = 4 << 20;
constexpr size_t kMostControl = 64 << 10;

bool PassesIds(int socket) {
  int domain = 0, passes = 0;
  socklen_t size = sizeof(int);
  if (::getsockopt(socket, SOL_SOCKET, SO_PASSCRED, &passes, &size) != 0 || passes == 0) return false;
  size = sizeof(int);
  return ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

// A message as lxcore took it from a socket.
class Message {
 public:
  // Of the guest's msghdr at `address`. False: it isn't one for lxcore.
  bool Read(const Call& call, uint64_t address) {
    address_ = address;
    if (ReadGuest(call.tid(), address, &guest_, sizeof(guest_)) != 0) return false;
    const bool holds_ids = guest_.msg_control != nullptr && guest_.msg_controllen >= CMSG_LEN(sizeof(ucred));
    if (!holds_ids || guest_.msg_controllen > kMostControl || guest_.msg_iovlen > kMostPieces) return false;
    pieces_.resize(guest_.msg_iovlen);
    if (ReadGuest(call.tid(), reinterpret_cast<uint64_t>(guest_.msg_iov), pieces_.data(),
                  pieces_.size() * sizeof(iovec)) != 0) {
      return false;
    }
    size_t bytes = 0;
    for (const iovec& piece : pieces_) bytes += std::min(piece.iov_len, kMostBytes);
    bytes_.resize(std::min(bytes, kMostBytes));
    control_.resize(guest_.msg_controllen);
    return true;
  }

  // recvmsg's answer, or a negative errno. Never waits.
  ssize_t Receive(int socket, int flags) {
    iovec whole = {bytes_.data(), bytes_.size()};
    taken_ = {};
    taken_.msg_iov = &whole;
    taken_.msg_iovlen = 1;
    taken_.msg_control = control_.data();
    taken_.msg_controllen = control_.size();
    if (guest_.msg_name != nullptr) {
      taken_.msg_name = &name_;
      taken_.msg_namelen = std::min<socklen_t>(guest_.msg_namelen, sizeof(name_));
    }
    const ssize_t size = ::recvmsg(socket, &taken_, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0) return -errno;
    received_ = std::min<size_t>(size, bytes_.size());
    if (flags & MSG_CMSG_CLOEXEC) return size;
    taken_.msg_flags &= ~MSG_CMSG_CLOEXEC;
    return size;
  }

  // Makes of the control data what the guest is to see: its own descriptors, the senders' ids.
  void Translate(Kernel& k, const Call& call, int flags) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&taken_); part != nullptr; part = CMSG_NXTHDR(&taken_, part)) {
      if (part->cmsg_level != SOL_SOCKET) continue;
      if (part->cmsg_type == SCM_RIGHTS || part->cmsg_type == SCM_PIDFD) {
        HandOver(call, part, (flags & MSG_CMSG_CLOEXEC) != 0);
      } else if (part->cmsg_type == SCM_CREDENTIALS && part->cmsg_len >= CMSG_LEN(sizeof(ucred))) {
        ucred ids;
        std::memcpy(&ids, CMSG_DATA(part), sizeof(ids));
        if (const auto sent = k.senders.SentBy(ids.pid, call.tid())) {
          ids = {sent->pid, k.ShownUid(call, sent->uid), k.ShownGid(call, sent->gid)};
        } else {
          ids.pid = k.senders.NumberFor(call.tid(), ids.pid);
        }
        std::memcpy(CMSG_DATA(part), &ids, sizeof(ids));
      }
    }
  }

  // 0 or an errno.
  int Write(const Call& call) {
    size_t from = 0;
    for (const iovec& piece : pieces_) {
      const size_t size = std::min(piece.iov_len, received_ - from);
      if (size == 0) continue;
      if (int error = WriteGuest(call.tid(), reinterpret_cast<uint64_t>(piece.iov_base), bytes_.data() + from, size)) {
        return error;
      }
      from += size;
    }
    const auto to = [](void* pointer) { return reinterpret_cast<uint64_t>(pointer); };
    if (guest_.msg_name != nullptr) {
      const size_t size = std::min(taken_.msg_namelen, guest_.msg_namelen);
      if (int error = WriteGuest(call.tid(), to(guest_.msg_name), &name_, size)) return error;
    }
    if (int error = WriteGuest(call.tid(), to(guest_.msg_control), control_.data(), taken_.msg_controllen)) {
      return error;
    }
    guest_.msg_namelen = guest_.msg_name != nullptr ? taken_.msg_namelen : guest_.msg_namelen;
    guest_.msg_controllen = taken_.msg_controllen;
    guest_.msg_flags = taken_.msg_flags;
    return WriteGuest(call.tid(), address_, &guest_, sizeof(guest_));
  }

 private:
  // Gives the guest the descriptors of a part; as many as it has room for.
  void HandOver(const Call& call, cmsghdr* part, bool close_on_exec) {
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    size_t given = 0;
    for (size_t i = 0; i < count; ++i) {
      int fd;
      char* const at = reinterpret_cast<char*>(CMSG_DATA(part)) + i * sizeof(fd);
      std::memcpy(&fd, at, sizeof(fd));
      if (fd < 0) continue;  // a pidfd that there was no room for
      const UniqueFd own(fd);
      if (given < i) continue;
      const int number = call.GiveDescriptor(fd, close_on_exec);
      if (number < 0) {
        taken_.msg_flags |= MSG_CTRUNC;
        continue;
      }
      std::memcpy(at, &number, sizeof(number));
      ++given;
    }
    if (part->cmsg_type == SCM_RIGHTS) part->cmsg_len = CMSG_LEN(given * sizeof(int));
  }

  uint64_t address_ = 0;
  msghdr guest_ = {};
  std::vector<iovec> pieces_;
  std::vector<char> bytes_;
  std::vector<char> control_;
  sockaddr_storage name_ = {};
  msghdr taken_ = {};
  size_t received_ = 0;
};

// Whether the guest would wait for what isn't there yet.
bool Waits(int socket, int flags) { return !(flags & MSG_DONTWAIT) && !(::fcntl(socket, F_GETFL) & O_NONBLOCK); }

// SO_RCVTIMEO; zero: for ever.
std::chrono::microseconds PatienceOf(int socket) {
  timeval patience = {};
  socklen_t size = sizeof(patience);
  ::getsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, &size);
  return std::chrono::seconds(patience.tv_sec) + std::chrono::microseconds(patience.tv_usec);
}

// For the next message.
Reply WaitFor(Kernel& k, const Call& call, UniqueFd socket) {
  const auto patience = PatienceOf(socket.get());
  return k.waiting.Add(call, std::move(socket), patience) ? Reply::Later() : Reply::Error(EAGAIN);
}

}  // namespace

Reply SysRecvMsg(Kernel& k, const Call& call) {
  Message message;
  const int flags = call.int_arg(2);
  if (!message.Read(call, call.arg(1))) return Reply::Continue();
  UniqueFd socket = CopyOfGuestSocket(call, call.int_arg(0));
  if (!socket || !PassesIds(socket.get()) || !call.StillWaiting()) return Reply::Continue();
  const bool waits = Waits(socket.get(), flags);
  if (waits && (flags & MSG_WAITALL)) return Reply::Continue();
  const ssize_t size = message.Receive(socket.get(), flags);
  if (size == -EAGAIN && waits) return WaitFor(k, call, std::move(socket));
  if (size < 0) return Reply::Error(static_cast<int>(-size));
  message.Translate(k, call, flags);
  const int error = message.Write(call);
  return error != 0 ? Reply::Error(error) : Reply::Value(size);
}

Reply SysRecvMMsg(Kernel& k, const Call& call) {
  const int flags = call.int_arg(3);
  const size_t count = std::min<size_t>(call.id_arg(2), kMostPieces);
  Message first;
  if (count == 0 || !first.Read(call, call.arg(1))) return Reply::Continue();
  UniqueFd socket = CopyOfGuestSocket(call, call.int_arg(0));
  if (!socket || !PassesIds(socket.get()) || !call.StillWaiting()) return Reply::Continue();
  const bool waits = Waits(socket.get(), flags);
  // As many as there are room for.
  if (waits && !(flags & MSG_WAITFORONE)) return Reply::Continue();
  int64_t received = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t address = call.arg(1) + i * sizeof(mmsghdr);
    Message message;
    const ssize_t size = message.Read(call, address) ? message.Receive(socket.get(), flags & ~MSG_WAITFORONE) : -EFAULT;
    if (size < 0 && received > 0) break;
    if (size == -EAGAIN && waits) return WaitFor(k, call, std::move(socket));
    if (size < 0) return Reply::Error(static_cast<int>(-size));
    message.Translate(k, call, flags);
    const auto length = static_cast<uint32_t>(size);
    if (int error = message.Write(call)) return received > 0 ? Reply::Value(received) : Reply::Error(error);
    if (int error = WriteGuest(call.tid(), address + offsetof(mmsghdr, msg_len), &length, sizeof(length))) {
      return received > 0 ? Reply::Value(received) : Reply::Error(error);
    }
    ++received;
  }
  return Reply::Value(received);
}

}  // namespace wslm::lxcore
