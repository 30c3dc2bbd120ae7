#include <arpa/inet.h>
#include <dirent.h>
#include <net/if.h>
#include <net/route.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/agent/boot.h"
#include "runtime-v2/agent/file.h"
#include "runtime-v2/modules/vm_names.h"

namespace wslm {
namespace {

// QEMU's user network hands the VM's address out; asking it by DHCP would cost a second.
constexpr char kNetmask[] = "255.255.255.0";
constexpr char kOneAddress[] = "255.255.255.255";
// A packet of TCP's may be this long by passt, which takes much longer ones than a cable does: a multiple of four below
// the most that a packet can have.
constexpr int kPasstMtu = 65520;
// Of the route by QEMU's user network where there is one by passt.
constexpr int16_t kSecondMetric = 100;

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

struct Devices {
  std::string users;
  // Empty where there is none.
  std::string passts;
};

Devices FindDevices() {
  Devices devices;
  DIR* directory = ::opendir("/sys/class/net");
  if (directory == nullptr) return devices;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (!name.starts_with('e')) continue;
    const std::string address = ReadSmallFile("/sys/class/net/" + name + "/address").value_or("");
    (address.starts_with(kPasstDeviceMac) ? devices.passts : devices.users) = name;
  }
  ::closedir(directory);
  return devices;
}

struct Route {
  const char* destination = "0.0.0.0";
  const char* netmask = "0.0.0.0";
  // Null: straight to the destination.
  const char* gateway = nullptr;
  int16_t metric = 0;
};

absl::Status Add(int socket, const Route& wanted, std::string device) {
  rtentry route{};
  route.rt_dst = Address(wanted.destination);
  route.rt_genmask = Address(wanted.netmask);
  route.rt_flags = RTF_UP;
  if (wanted.gateway != nullptr) {
    route.rt_gateway = Address(wanted.gateway);
    route.rt_flags |= RTF_GATEWAY;
  }
  // Counted from 1.
  route.rt_metric = static_cast<int16_t>(wanted.metric + 1);
  route.rt_dev = device.data();
  if (::ioctl(socket, SIOCADDRT, &route) != 0) return ErrnoError("cannot add a route of", device);
  return absl::OkStatus();
}

absl::Status SetAddress(int socket, const std::string& device, const char* netmask) {
  ifreq request = Request(device);
  request.ifr_addr = Address(kVmAddress);
  if (::ioctl(socket, SIOCSIFADDR, &request) != 0) return ErrnoError("cannot set the address of", device);
  request.ifr_netmask = Address(netmask);
  if (::ioctl(socket, SIOCSIFNETMASK, &request) != 0) return ErrnoError("cannot set the netmask of", device);
  return absl::OkStatus();
}

// All goes by passt but what is QEMU's own, and all by QEMU when the device has no carrier.
absl::Status SetUpPasst(int socket, const std::string& device) {
  RETURN_IF_ERROR(SetAddress(socket, device, kOneAddress));
  ifreq request = Request(device);
  request.ifr_mtu = kPasstMtu;
  if (::ioctl(socket, SIOCSIFMTU, &request) != 0) return ErrnoError("cannot set the MTU of", device);
  RETURN_IF_ERROR(Up(socket, device));
  RETURN_IF_ERROR(WriteInOne("/proc/sys/net/ipv4/conf/" + device + "/ignore_routes_with_linkdown", "1"));
  RETURN_IF_ERROR(Add(socket, {.destination = kPasstGateway, .netmask = kOneAddress}, device));
  return Add(socket, {.gateway = kPasstGateway}, device);
}

}  // namespace

absl::Status SetUpNetwork() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return ErrnoError("cannot make", "socket");
  RETURN_IF_ERROR(Up(socket.get(), "lo"));
  const Devices devices = FindDevices();
  const std::string& device = devices.users;
  if (device.empty()) {
    return Error(absl::StatusCode::kUnavailable, reason::kStartFailed, "The VM has no network device.");
  }
  RETURN_IF_ERROR(SetAddress(socket.get(), device, kNetmask));
  RETURN_IF_ERROR(Up(socket.get(), device));
  // What listens on 127.0.0.1 is reached from the host too: QEMU sends it packets for that address.
  RETURN_IF_ERROR(WriteInOne("/proc/sys/net/ipv4/conf/" + device + "/route_localnet", "1"));
  const bool passt = !devices.passts.empty();
  RETURN_IF_ERROR(Add(socket.get(), {.gateway = kHostAddress, .metric = passt ? kSecondMetric : int16_t{0}}, device));
  return passt ? SetUpPasst(socket.get(), devices.passts) : absl::OkStatus();
}

}  // namespace wslm
