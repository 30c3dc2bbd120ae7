#include "distros/config/hosts_file.h"

#include <algorithm>
#include <sstream>

namespace wslm {
namespace {

bool IsLoopback(std::string_view address) { return address.starts_with("127.") || address == "::1"; }

// Of what every such file has by itself: IPv6's groups and local network.
bool IsGroup(std::string_view address) { return address.starts_with("ff0") || address.starts_with("fe00::"); }

bool IsName(std::string_view name, std::string_view hostname) {
  return name != hostname && name != "localhost" && !name.starts_with("localhost.") && !name.starts_with("ip6-");
}

}  // namespace

std::string HostsFile(const std::string& hostname, const std::string& host_address, const std::string& host_hosts) {
  std::string text =
      "# Made by wslm when the distro starts: [network] generateHosts=false in /etc/wsl.conf leaves yours alone.\n"
      "127.0.0.1\tlocalhost\n";
  if (!hostname.empty()) text += "127.0.1.1\t" + hostname + "\n";
  text += host_address + "\t" + kHostName + "\n";
  text +=
      "::1\tip6-localhost ip6-loopback\n"
      "fe00::0\tip6-localnet\n"
      "ff00::0\tip6-mcastprefix\n"
      "ff02::1\tip6-allnodes\n"
      "ff02::2\tip6-allrouters\n";
  std::istringstream lines(host_hosts);
  for (std::string line; std::getline(lines, line);) {
    line.resize(std::min(line.size(), line.find('#')));
    std::istringstream words(line);
    std::string address;
    if (!(words >> address) || IsGroup(address)) continue;
    // The host's own loopback is where the host is.
    const bool loopback = IsLoopback(address);
    std::string names;
    for (std::string name; words >> name;) {
      if (!loopback || IsName(name, hostname)) names += (names.empty() ? "" : " ") + name;
    }
    if (!names.empty()) text += (loopback ? host_address : address) + "\t" + names + "\n";
  }
  return text;
}

}  // namespace wslm
