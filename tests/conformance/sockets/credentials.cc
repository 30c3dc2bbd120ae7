// unix(7): the ids that come with messages.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <optional>
#include <vector>

#include "tests/conformance/conformance.h"
#include "tests/conformance/sockets/named_socket.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "sockets/credentials";

struct Received {
  ssize_t size = -1;
  int flags = 0;
  std::string text;
  std::optional<ucred> ids;
  std::vector<int> descriptors;
};

Received Receive(int fd, int flags = 0, size_t room = 256) {
  char text[64];
  iovec pieces[2] = {{text, 3}, {text + 3, sizeof(text) - 3}};
  alignas(cmsghdr) char control[256];
  msghdr message = {};
  message.msg_iov = pieces;
  message.msg_iovlen = 2;
  message.msg_control = control;
  message.msg_controllen = room;
  Received received;
  received.size = OK(recvmsg(fd, &message, flags));
  received.flags = message.msg_flags;
  received.text.assign(text, received.size);
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET) continue;
    if (part->cmsg_type == SCM_CREDENTIALS) {
      received.ids.emplace();
      memcpy(&*received.ids, CMSG_DATA(part), sizeof(ucred));
    }
    if (part->cmsg_type == SCM_RIGHTS) {
      received.descriptors.resize((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      memcpy(received.descriptors.data(), CMSG_DATA(part), part->cmsg_len - CMSG_LEN(0));
    }
  }
  return received;
}

struct Pair {
  int a, b;
};

// The second end is told who sends.
Pair MakePair(int type) {
  int ends[2];
  OK(socketpair(AF_UNIX, type, 0, ends));
  const int on = 1;
  OK(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
  return {ends[0], ends[1]};
}

// Field by field: C libraries lay them out otherwise.
void Head(cmsghdr& part, size_t length, int type) {
  part.cmsg_len = length;
  part.cmsg_level = SOL_SOCKET;
  part.cmsg_type = type;
}

// With the ids, and descriptors where there are any.
ssize_t Send(int fd, const ucred& ids, const std::vector<int>& descriptors = {}) {
  char text[] = "text";
  iovec data = {text, 4};
  alignas(cmsghdr) char control[256] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  cmsghdr* part = reinterpret_cast<cmsghdr*>(control);
  Head(*part, CMSG_LEN(sizeof(ids)), SCM_CREDENTIALS);
  memcpy(CMSG_DATA(part), &ids, sizeof(ids));
  message.msg_controllen = CMSG_SPACE(sizeof(ids));
  if (!descriptors.empty()) {
    const size_t size = descriptors.size() * sizeof(int);
    part = reinterpret_cast<cmsghdr*>(control + message.msg_controllen);
    Head(*part, CMSG_LEN(size), SCM_RIGHTS);
    memcpy(CMSG_DATA(part), descriptors.data(), size);
    message.msg_controllen += CMSG_SPACE(size);
  }
  return sendmsg(fd, &message, 0);
}

BEHAVIOUR(kEach, "who asks is told who sent a message") {
  for (int type : {SOCK_DGRAM, SOCK_STREAM, SOCK_SEQPACKET}) {
    const Pair pair = MakePair(type);
    OK(write(pair.a, "text", 4));
    const Received received = Receive(pair.b);
    SAME("text", received.text);
    THAT(received.ids.has_value());
    if (!received.ids) continue;
    SAME(getpid(), received.ids->pid);
    SAME(getuid(), received.ids->uid);
    SAME(getgid(), received.ids->gid);
  }
}

BEHAVIOUR(kEach, "who doesn't ask is told nothing") {
  const Pair pair = MakePair(SOCK_DGRAM);
  OK(write(pair.b, "text", 4));
  const Received received = Receive(pair.a);
  SAME("text", received.text);
  THAT(!received.ids);
}

BEHAVIOUR(kRoot, "a message tells the real ids of a sender that goes on") {
  const Pair pair = MakePair(SOCK_DGRAM);
  int hold[2];
  OK(pipe(hold));
  const pid_t child = OK(fork());
  if (child == 0) {
    OK(setresgid(kOther, kUser, kUser));
    OK(setresuid(kOther, kUser, kUser));
    OK(write(pair.a, "text", 4));
    char byte;
    OK(read(hold[0], &byte, 1));
    _exit(0);
  }
  pollfd ready = {pair.b, POLLIN, 0};
  OK(poll(&ready, 1, 10000));
  const Received received = Receive(pair.b);
  THAT(received.ids.has_value());
  if (received.ids) {
    SAME(child, received.ids->pid);
    SAME(kOther, received.ids->uid);
    SAME(kOther, received.ids->gid);
  }
  OK(write(hold[1], "x", 1));
  OK(waitpid(child, nullptr, 0));
}

BEHAVIOUR(kRoot, "the ids that were given with a message outlive their sender") {
  const Pair pair = MakePair(SOCK_DGRAM);
  As(kUser, [&] { OK(Send(pair.a, {getpid(), kUser, kUser})); });
  const Received received = Receive(pair.b);
  THAT(received.ids.has_value());
  if (received.ids) {
    THAT(received.ids->pid > 0 && received.ids->pid != getpid());
    SAME(kUser, received.ids->uid);
    SAME(kUser, received.ids->gid);
  }
}

BEHAVIOUR(kRoot, "root gives any ids, and the number of any process") {
  const Pair pair = MakePair(SOCK_DGRAM);
  OK(Send(pair.a, {getpid(), kUser, kOther}));
  Received received = Receive(pair.b);
  THAT(received.ids.has_value());
  if (received.ids) {
    SAME(getpid(), received.ids->pid);
    SAME(kUser, received.ids->uid);
    SAME(kOther, received.ids->gid);
  }
  OK(Send(pair.a, {1, 0, 0}));
  received = Receive(pair.b);
  SAME(1, received.ids ? received.ids->pid : -1);
  FAILS(ESRCH, Send(pair.a, {1 << 21, 0, 0}));
}

BEHAVIOUR(kUsers, "one gives no number but one's own, no ids but one's own, and may do so again and again") {
  const Pair pair = MakePair(SOCK_DGRAM);
  FAILS(EPERM, Send(pair.a, {1, getuid(), getgid()}));
  FAILS(EPERM, Send(pair.a, {getpid(), 0, getgid()}));
  FAILS(EPERM, Send(pair.a, {getpid(), getuid(), 0}));
  char text[] = "text";
  iovec data = {text, 4};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const ucred ids = {getpid(), getuid(), getgid()};
  Head(*reinterpret_cast<cmsghdr*>(control), CMSG_LEN(sizeof(ids)), SCM_CREDENTIALS);
  memcpy(CMSG_DATA(reinterpret_cast<cmsghdr*>(control)), &ids, sizeof(ids));
  for (int i = 0; i < 3; ++i) {
    OK(sendmsg(pair.a, &message, 0));
    const Received received = Receive(pair.b);
    SAME(getuid(), received.ids ? received.ids->uid : -1u);
    SAME(getgid(), received.ids ? received.ids->gid : -1u);
  }
}

BEHAVIOUR(kEach, "descriptors come along with ids") {
  const Pair pair = MakePair(SOCK_STREAM);
  WriteFile("f", "content");
  const int file = OK(open("f", O_RDONLY));
  OK(Send(pair.a, {getpid(), getuid(), getgid()}, {file, file}));
  const Received received = Receive(pair.b, MSG_CMSG_CLOEXEC);
  SAME(getuid(), received.ids ? received.ids->uid : -1u);
  SAME(2u, received.descriptors.size());
  if (received.descriptors.size() != 2) return;
  char content[8] = {};
  OK(read(received.descriptors[1], content, 7));
  SAME("content", std::string(content));
  SAME(FD_CLOEXEC, fcntl(received.descriptors[0], F_GETFD));
  OK(Send(pair.a, {getpid(), getuid(), getgid()}, {file}));
  const Received again = Receive(pair.b);
  SAME(0, again.descriptors.size() == 1 ? fcntl(again.descriptors[0], F_GETFD) : -1);
}

BEHAVIOUR(kEach, "a message may be looked at, cut off, and its ids as well") {
  const Pair pair = MakePair(SOCK_DGRAM);
  OK(write(pair.a, std::string(100, 'x').data(), 100));
  SAME(getuid(), Receive(pair.b, MSG_PEEK).ids->uid);
  const Received cut = Receive(pair.b, MSG_TRUNC);
  SAME(100, cut.size > 64 ? cut.size : -1);
  THAT(cut.flags & MSG_TRUNC);
  OK(write(pair.a, "text", 4));
  const Received crowded = Receive(pair.b, 0, CMSG_LEN(4));
  THAT(crowded.flags & MSG_CTRUNC);
}

BEHAVIOUR(kEach, "nothing to be received is EAGAIN for who doesn't wait") {
  const Pair pair = MakePair(SOCK_DGRAM);
  char byte;
  iovec data = {&byte, 1};
  alignas(cmsghdr) char control[64];
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  FAILS(EAGAIN, recvmsg(pair.b, &message, MSG_DONTWAIT));
  OK(fcntl(pair.b, F_SETFL, O_NONBLOCK));
  FAILS(EAGAIN, recvmsg(pair.b, &message, 0));
}

BEHAVIOUR(kRoot, "who waits for a message is told who sent it") {
  for (int type : {SOCK_DGRAM, SOCK_STREAM}) {
    const Pair pair = MakePair(type);
    int hold[2];
    OK(pipe(hold));
    const pid_t child = OK(fork());
    if (child == 0) {
      OK(setresgid(kUser, kUser, kUser));
      OK(setresuid(kUser, kUser, kUser));
      usleep(100'000);
      OK(write(pair.a, "text", 4));
      char byte;
      OK(read(hold[0], &byte, 1));
      _exit(0);
    }
    const Received received = Receive(pair.b);
    SAME("text", received.text);
    SAME(child, received.ids ? received.ids->pid : -1);
    SAME(kUser, received.ids ? received.ids->uid : -1u);
    OK(write(hold[1], "x", 1));
    OK(waitpid(child, nullptr, 0));
  }
}

// An endless wait for a message and its ids.
int Wait(int fd) {
  char byte;
  iovec data = {&byte, 1};
  alignas(cmsghdr) char control[64];
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  return static_cast<int>(recvmsg(fd, &message, 0));
}

BEHAVIOUR(kEach, "a signal ends the wait for a message, or leaves it, as its handler wants it") {
  const Pair pair = MakePair(SOCK_DGRAM);
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  OK(sigaction(SIGALRM, &action, nullptr));
  ualarm(50'000, 0);
  FAILS(EINTR, Wait(pair.b));
  action.sa_flags = SA_RESTART;
  OK(sigaction(SIGALRM, &action, nullptr));
  ualarm(50'000, 0);
  const pid_t child = OK(fork());
  if (child == 0) {
    usleep(300'000);
    OK(write(pair.a, "x", 1));
    _exit(0);
  }
  SAME(1, Wait(pair.b));
  OK(waitpid(child, nullptr, 0));
}

BEHAVIOUR(kEach, "the wait for a message ends with the time for it, the sender or the waiting process") {
  const Pair pair = MakePair(SOCK_STREAM);
  const timeval patience = {0, 50'000};
  OK(setsockopt(pair.b, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)));
  FAILS(EAGAIN, Wait(pair.b));
  const timeval endless = {};
  OK(setsockopt(pair.b, SOL_SOCKET, SO_RCVTIMEO, &endless, sizeof(endless)));
  const pid_t child = OK(fork());
  if (child == 0) {
    close(pair.a);
    Wait(pair.b);
    _exit(0);
  }
  usleep(100'000);
  OK(kill(child, SIGKILL));
  int status;
  OK(waitpid(child, &status, 0));
  THAT(WIFSIGNALED(status));
  const pid_t closer = OK(fork());
  if (closer == 0) {
    usleep(100'000);
    _exit(0);
  }
  close(pair.a);
  SAME(0, Wait(pair.b));
  OK(waitpid(closer, nullptr, 0));
}

BEHAVIOUR(kEach, "several messages are received at once, each with its ids") {
  const Pair pair = MakePair(SOCK_DGRAM);
  OK(write(pair.a, "one", 3));
  OK(write(pair.a, "two", 3));
  char texts[3][8] = {};
  alignas(cmsghdr) char controls[3][64];
  iovec data[3];
  mmsghdr messages[3] = {};
  for (int i = 0; i < 3; ++i) {
    data[i] = {texts[i], sizeof(texts[i])};
    messages[i].msg_hdr.msg_iov = &data[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_control = controls[i];
    messages[i].msg_hdr.msg_controllen = sizeof(controls[i]);
  }
  SAME(2, recvmmsg(pair.b, messages, 3, MSG_DONTWAIT, nullptr));
  SAME("two", std::string(texts[1]));
  SAME(3u, messages[1].msg_len);
  const cmsghdr* part = CMSG_FIRSTHDR(&messages[1].msg_hdr);
  THAT(part != nullptr);
  if (part == nullptr) return;
  ucred ids;
  memcpy(&ids, CMSG_DATA(part), sizeof(ids));
  SAME(getuid(), ids.uid);
}

BEHAVIOUR(kRoot, "a peer is who it was when it connected or listened") {
  const NamedSocket server = MakeServer(2);
  As(kUser, [&] { ConnectTo(server); });
  ucred peer;
  socklen_t size = sizeof(peer);
  const int gone = OK(accept(server.fd, nullptr, nullptr));
  OK(getsockopt(gone, SOL_SOCKET, SO_PEERCRED, &peer, &size));
  SAME(kUser, peer.uid);
  SAME(kUser, peer.gid);
  InChild([&] {
    ConnectTo(server);
    OK(setresuid(kOther, kOther, kOther));
    const int accepted = OK(accept(server.fd, nullptr, nullptr));
    size = sizeof(peer);
    OK(getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &peer, &size));
    SAME(0u, peer.uid);
    SAME(getpid(), peer.pid);
  });
}

BEHAVIOUR(kRoot, "a peer's groups are its own") {
  const NamedSocket server = MakeServer(2);
  As(kUser, kUser, {100, 200, 300}, [&] { ConnectTo(server); });
  const int accepted = OK(accept(server.fd, nullptr, nullptr));
  gid_t groups[8] = {};
  socklen_t size = sizeof(groups);
  OK(getsockopt(accepted, SOL_SOCKET, SO_PEERGROUPS, groups, &size));
  SAME(3 * sizeof(gid_t), size);
  SAME(200u, groups[1]);
  size = sizeof(gid_t);
  FAILS(ERANGE, getsockopt(accepted, SOL_SOCKET, SO_PEERGROUPS, groups, &size));
  SAME(3 * sizeof(gid_t), size);
}

}  // namespace
}  // namespace wslm::conformance
