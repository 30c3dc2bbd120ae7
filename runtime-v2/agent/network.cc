#include <arpa/inet.h>
#include <dirent.h>
#include <net/if.h>
#include <net/route.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/agent/boot.h"
#include "runtime-v2/agent/file.h"
#include "runtime-v2/modules/vm_names.h"

namespace wslm {
namespace {

// QEMU's user network hands these out; asking it by DHCP would cost a second.
constexpr char kAddress[] = "10.0.2.15";
constexpr char kNetmask[] = "255.255.255.0";

sockaddr Address(const char* text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  ::inet_pton(AF_INET, text, &address.sin_addr);
  sockaddr generic{};
  std::memcpy(&generic, &address, sizeof address);
  return generic;
}

ifreq Request(const std::string& device) {
  ifreq request{};
  device.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

absl::Status Up(int socket, const std::string& device) {
  ifreq request = Request(device);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(socket, SIOCSIFFLAGS, &request) != 0) return ErrnoError("cannot bring up", device);
  return absl::OkStatus();
}

// The first device that isn't lo; empty when there is none yet.
std::string EthernetDevice() {
  DIR* directory = ::opendir("/sys/class/net");
  if (directory == nullptr) return "";
  std::string found;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] == 'e') found = entry->d_name;
  }
  ::closedir(directory);
  return found;
}

}  // namespace

absl::Status SetUpNetwork() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return ErrnoError("cannot make", "socket");
  RETURN_IF_ERROR(Up(socket.get(), "lo"));
  const std::string device = EthernetDevice();
  if (device.empty()) {
    return Error(absl::StatusCode::kUnavailable, reason::kStartFailed, "The VM has no network device.");
  }
  ifreq request = Request(device);
  request.ifr_addr = Address(kAddress);
  if (::ioctl(socket.get(), SIOCSIFADDR, &request) != 0) return ErrnoError("cannot set the address of", device);
  request.ifr_netmask = Address(kNetmask);
  if (::ioctl(socket.get(), SIOCSIFNETMASK, &request) != 0) return ErrnoError("cannot set the netmask of", device);
  RETURN_IF_ERROR(Up(socket.get(), device));
  // What listens on 127.0.0.1 is reached from the host too: QEMU sends it packets for that address.
  RETURN_IF_ERROR(WriteInOne("/proc/sys/net/ipv4/conf/" + device + "/route_localnet", "1"));
  rtentry route{};
  route.rt_dst = Address("0.0.0.0");
  route.rt_genmask = Address("0.0.0.0");
  route.rt_gateway = Address(kHostAddress);
  route.rt_flags = RTF_UP | RTF_GATEWAY;
  if (::ioctl(socket.get(), SIOCADDRT, &route) != 0) return ErrnoError("cannot add the route of", device);
  return absl::OkStatus();
}

}  // namespace wslm
