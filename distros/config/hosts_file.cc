#include "distros/config/hosts_file.h"

#include <algorithm>
#include <sstream>

namespace wslm {
namespace {

// Of what every such file has by itself: loopback, and IPv6's groups and local network.
bool IsOurs(std::string_view address) {
  return address.starts_with("127.") || address == "::1" || address.starts_with("ff0") || address.starts_with("fe00::");
}

}  // namespace

std::string HostsFile(const std::string& hostname, const std::string& host_address, const std::string& host_hosts) {
  std::string text =
      "# Made by wslm when the distro starts: [network] generateHosts=false in /etc/wsl.conf leaves yours alone.\n"
      "127.0.0.1\tlocalhost\n";
  if (!hostname.empty()) text += "127.0.1.1\t" + hostname + "\n";
  text += host_address + "\thost.wslm.internal\n";
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
    std::string name;
    const bool is_entry = static_cast<bool>(words >> address >> name);
    if (!is_entry || IsOurs(address)) continue;
    text += address + "\t" + name;
    while (words >> name) text += " " + name;
    text += "\n";
  }
  return text;
}

}  // namespace wslm
