// p9_serve FOLDER SOCKET: what wslm-init does for a distro's files, for any folder: so that the kernel's own client can
// be tried in a virtual machine.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "runtime-v1/init/p9/connection.h"

int main(int argc, char** argv) {
  using namespace wslm;
  sockaddr_un address = {.sun_family = AF_UNIX};
  if (argc != 3 || std::strlen(argv[2]) >= sizeof(address.sun_path)) return 2;
  std::strcpy(address.sun_path, argv[2]);
  const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener.get(), 8) != 0) {
    std::perror(argv[2]);
    return 1;
  }
  while (true) {
    const UniqueFd connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection) return 1;
    p9::Server server(UniqueFd(::open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC)), {});
    p9::ServeConnection(connection.get(), server);
  }
}
