#include "runtime-v2/agent/host_holders.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>
#include <optional>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "runtime-v2/agent/host_folders.h"
#include "runtime-v2/agent/processes.h"

namespace wslm {
namespace {

// Of a process's /proc/PID/maps.
constexpr size_t kLongestMaps = size_t{64} << 20;

struct Device {
  unsigned major_number = 0;
  unsigned minor_number = 0;

  friend bool operator==(const Device&, const Device&) = default;
};

// Of the file system that the file lies on; doesn't ask a server.
std::optional<Device> DeviceOf(const std::string& path) {
  struct statx status {};
  if (::statx(AT_FDCWD, path.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &status) != 0) {
    return std::nullopt;
  }
  return Device{.major_number = status.stx_dev_major, .minor_number = status.stx_dev_minor};
}

// The path of what the process has mapped; empty: nothing.
std::string MappedFile(pid_t pid, const Device& host) {
  char wanted[32];
  std::snprintf(wanted, sizeof wanted, "%02x:%02x", host.major_number, host.minor_number);
  std::istringstream lines(ReadSmallFile(absl::StrCat("/proc/", pid, "/maps"), kLongestMaps).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string range, modes, offset, device, inode, path;
    words >> range >> modes >> offset >> device >> inode >> std::ws;
    if (device == wanted && std::getline(words, path)) return path;
  }
  return "";
}

// What of the host's files the process has; empty: nothing.
std::string HeldBy(pid_t pid, const Device& host) {
  for (const char* link : {"cwd", "root", "exe"}) {
    const std::string path = absl::StrCat("/proc/", pid, "/", link);
    if (DeviceOf(path) == host) return LinkTarget(path);
  }
  for (const OpenFileOf& file : OpenFilesOf(pid)) {
    // Sockets, pipes and the like have no path.
    if (file.target.starts_with('/') && DeviceOf(file.path) == host) return file.target;
  }
  return MappedFile(pid, host);
}

}  // namespace

absl::Status CheckNobodyHoldsHost(const std::map<std::string, std::string>& names) {
  const auto host = DeviceOf(kHostFolder);
  // Not mounted: as what it lies in.
  if (!host || host == DeviceOf("/")) return absl::OkStatus();
  for (const pid_t pid : Processes()) {
    const auto name = names.find(DistroOfProcess(pid));
    if (name == names.end()) continue;
    const std::string held = HeldBy(pid, *host);
    if (held.empty()) continue;
    return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroRunning,
                 absl::StrCat(DescribeProcess(pid), " in '", Escaped(name->second), "' holds ", Escaped(held),
                              ", which is the host's."));
  }
  return absl::OkStatus();
}

}  // namespace wslm
