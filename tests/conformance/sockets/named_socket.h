// Unix sockets with a name in the test's folder, for tests of who connects to them.
#ifndef WSLM_TESTS_CONFORMANCE_SOCKETS_NAMED_SOCKET_H_
#define WSLM_TESTS_CONFORMANCE_SOCKETS_NAMED_SOCKET_H_

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {

struct NamedSocket {
  int fd;
  sockaddr_un address;

  const sockaddr* name() const { return reinterpret_cast<const sockaddr*>(&address); }
};

// Bound to "s".
inline NamedSocket MakeNamedSocket(int type) {
  NamedSocket made = {OK(socket(AF_UNIX, type, 0)), {}};
  made.address.sun_family = AF_UNIX;
  strcpy(made.address.sun_path, "s");
  OK(bind(made.fd, made.name(), sizeof(made.address)));
  return made;
}

// One that listens, and that everybody may connect to.
inline NamedSocket MakeServer(int backlog) {
  const NamedSocket made = MakeNamedSocket(SOCK_STREAM);
  OK(chmod("s", 0666));
  OK(listen(made.fd, backlog));
  return made;
}

// A socket of one's own, connected to it.
inline int ConnectTo(const NamedSocket& server) {
  const int client = OK(socket(AF_UNIX, SOCK_STREAM, 0));
  OK(connect(client, server.name(), sizeof(server.address)));
  return client;
}

}  // namespace wslm::conformance

#endif  // WSLM_TESTS_CONFORMANCE_SOCKETS_NAMED_SOCKET_H_
