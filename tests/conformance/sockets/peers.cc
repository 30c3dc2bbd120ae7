// unix(7): who is at the other end.
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/conformance/conformance.h"
#include "tests/conformance/sockets/named_socket.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "sockets/peers";

int Send(int fd, const ucred& ids) {
  char byte = 'x';
  iovec data = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ids))] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_CREDENTIALS;
  part->cmsg_len = CMSG_LEN(sizeof(ids));
  memcpy(CMSG_DATA(part), &ids, sizeof(ids));
  return static_cast<int>(sendmsg(fd, &message, 0));
}

BEHAVIOUR(kUsers, "both ends of a pair are told who made it") {
  int pair[2];
  OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  ucred peer;
  socklen_t size = sizeof(peer);
  OK(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &size));
  SAME(getpid(), peer.pid);
  SAME(getuid(), peer.uid);
  SAME(getgid(), peer.gid);
}

BEHAVIOUR(kRoot, "a server is told the user that connected, a client the one that listens") {
  const NamedSocket server = MakeServer(1);
  int pipes[2];
  OK(pipe(pipes));
  const pid_t child = OK(fork());
  if (child == 0) {
    As(kUser, [&] {
      const int client = ConnectTo(server);
      ucred peer;
      socklen_t size = sizeof(peer);
      OK(getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size));
      SAME(0, peer.uid);
      char byte;
      OK(read(pipes[0], &byte, 1));
    });
    _exit(0);
  }
  const int accepted = OK(accept(server.fd, nullptr, nullptr));
  ucred peer;
  socklen_t size = sizeof(peer);
  OK(getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &peer, &size));
  SAME(kUser, peer.uid);
  OK(write(pipes[1], "x", 1));
}

BEHAVIOUR(kUsers, "one sends no ids but one's own") {
  int pair[2];
  OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
  const pid_t pid = getpid();
  SAME(1, Send(pair[0], {pid, getuid(), getgid()}));
  FAILS(EPERM, Send(pair[0], {pid, 0, getgid()}));
  FAILS(EPERM, Send(pair[0], {pid, getuid(), 0}));
}

BEHAVIOUR(kRoot, "a socket is connected to by who may write it") {
  const NamedSocket server = MakeNamedSocket(SOCK_DGRAM);
  SAME(0755, ModeOf("s"));
  As(kUser, [&] {
    const int client = OK(socket(AF_UNIX, SOCK_DGRAM, 0));
    FAILS(EACCES, connect(client, server.name(), sizeof(server.address)));
    FAILS(EACCES, sendto(client, "x", 1, 0, server.name(), sizeof(server.address)));
  });
}

}  // namespace
}  // namespace wslm::conformance
