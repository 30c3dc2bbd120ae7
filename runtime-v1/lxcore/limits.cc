#include "runtime-v1/lxcore/limits.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

// Of lines, in all: whoever makes more sessions than that is told nothing new.
constexpr size_t kMostTold = 512;

// Field 6 of proc_pid_stat(5).
pid_t SessionOf(int proc, pid_t tid) {
  const std::string stat = ReadProcFile(proc, std::to_string(tid) + "/stat");
  const size_t name_end = stat.rfind(')');
  pid_t session = 0;
  if (name_end == std::string::npos || std::sscanf(stat.c_str() + name_end + 1, " %*c %*d %*d %d", &session) != 1)
    return 0;
  return session;
}

uint64_t NetworkOf(int proc, const std::string& process) {
  struct statx space;
  return ::statx(proc, (process + "/ns/net").c_str(), AT_STATX_DONT_SYNC, STATX_INO, &space) == 0 ? space.stx_ino : 0;
}

}  // namespace

std::string_view NameOf(Limit limit) {
  switch (limit) {
    case Limit::kNetfilter:
      return "netfilter";
    case Limit::kBlockDevices:
      return "block-devices";
    case Limit::kModules:
      return "modules";
    case Limit::kRawSockets:
      return "raw-sockets";
    case Limit::kInterfaces:
      return "interfaces";
    case Limit::kLowPorts:
      return "low-ports";
    case Limit::kClock:
      return "clock";
    case Limit::k32Bit:
      return "32-bit";
    case Limit::kControlGroups:
      return "control-groups";
  }
  return "";
}

void Limits::Reached(const Call& call, Limit limit, std::string program) {
  if (!file_ || told_.size() >= kMostTold) return;
  if (!told_.emplace(limit, SessionOf(proc_, call.tid())).second) return;
  if (program.empty()) {
    program = ReadProcFile(proc_, std::to_string(call.tid()) + "/comm");
    if (program.ends_with('\n')) program.pop_back();
  }
  std::replace_if(
      program.begin(), program.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  const std::string line = std::string(NameOf(limit)) + "\t" + program + "\n";
  // A full disk keeps it from being explained, no more.
  [[maybe_unused]] const ssize_t written = ::write(file_.get(), line.data(), line.size());
}

bool Limits::IsInHostsNetwork(const Call& call) const {
  const uint64_t own = NetworkOf(proc_, "self");
  return own != 0 && own == NetworkOf(proc_, std::to_string(call.tid()));
}

}  // namespace wslm::lxcore
