#include "runtime-v1/lxcore/kept_files.h"

#include <sys/socket.h>

#include <cstring>
#include <utility>

namespace wslm::lxcore {
namespace {

// Serial numbers of one lxcore are above those of all before.
constexpr int kMakerShift = 32;

// The first message, which stays there; -1: there is none.
template <typename Message>
ssize_t Look(int socket, Message& message, UniqueFd& file) {
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))];
  iovec part = {&message, sizeof(message)};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = room;
  header.msg_controllen = sizeof(room);
  const ssize_t size = ::recvmsg(socket, &header, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  const cmsghdr* control = size < 0 ? nullptr : CMSG_FIRSTHDR(&header);
  if (control == nullptr || control->cmsg_type != SCM_RIGHTS) return size;
  int fd;
  std::memcpy(&fd, CMSG_DATA(control), sizeof(fd));
  file.Reset(fd);
  return size;
}

}  // namespace

KeptFiles::KeptFiles(KeptLog& kept, int in, int out, uint64_t maker)
    : kept_(kept), in_(in), out_(out), serial_(maker << kMakerShift) {
  Sweep(&left_);
}

bool KeptFiles::Send(const Message& message, int fd) {
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
  iovec part = {const_cast<Message*>(&message), sizeof(message)};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = room;
  header.msg_controllen = sizeof(room);
  cmsghdr* const control = CMSG_FIRSTHDR(&header);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(sizeof(fd));
  std::memcpy(CMSG_DATA(control), &fd, sizeof(fd));
  return ::sendmsg(out_, &header, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(message);
}

// Without room for that, the file ends with lxcore.
void KeptFiles::Count(const Message& message) {
  static_cast<void>(kept_.Put(KeptKind::kOpenFile, BytesOf(message.key), BytesOf(message.serial)));
}

bool KeptFiles::Counts(const Message& message) const {
  return kept_.Get(KeptKind::kOpenFile, BytesOf(message.key)) == BytesOf(message.serial);
}

void KeptFiles::Sweep(std::map<Key, UniqueFd>* found) {
  const uint64_t last = serial_;
  for (;;) {
    Message message;
    UniqueFd file;
    const ssize_t size = Look(in_, message, file);
    if (size < 0 || (size == sizeof(message) && message.serial > last)) return;
    const auto drop = [&] {
      char byte;
      [[maybe_unused]] const ssize_t received = ::recv(in_, &byte, sizeof(byte), MSG_DONTWAIT);
    };
    if (size != sizeof(message) || !file || !Counts(message)) {
      drop();
      continue;
    }
    message.serial = ++serial_;
    // Behind the others before it goes from here: whenever lxcore ends, one is there.
    const bool sent = Send(message, file.get());
    if (sent) Count(message);
    drop();
    // There was no room, of which there is some now.
    if (!sent && Send(message, file.get())) Count(message);
    if (found != nullptr) found->insert_or_assign(message.key, std::move(file));
  }
}

void KeptFiles::Put(const Key& key, int fd) {
  Remove(key);
  const Message message = {.key = key, .serial = ++serial_};
  if (!Send(message, fd)) {
    Sweep(nullptr);
    if (!Send(message, fd)) return;
  }
  Count(message);
}

void KeptFiles::Remove(const Key& key) { kept_.Remove(KeptKind::kOpenFile, BytesOf(key)); }

std::map<uint64_t, UniqueFd> KeptFiles::TakeLeft(Kind kind) {
  std::map<uint64_t, UniqueFd> taken;
  for (auto it = left_.lower_bound({kind, 0}); it != left_.end() && it->first.kind == kind;) {
    taken.emplace(it->first.number, std::move(it->second));
    it = left_.erase(it);
  }
  return taken;
}

}  // namespace wslm::lxcore
