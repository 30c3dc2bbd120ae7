#include "runtime-v1/lxcore/other_processes.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {

std::optional<Credentials> OwnerOf(Kernel& k, const Call& call, pid_t pid) {
  if (pid == 0) return k.CredentialsOf(call);
  if (k.paths.EnterRootOf(call.tid()) != 0) return std::nullopt;
  return k.identities.OfProcDirectory(AT_FDCWD, "/proc/" + std::to_string(pid));
}

// The numbers of a "pid (name) state ppid pgrp session ..." line.
Relatives RelativesOf(const std::string& pid) {
  const std::string stat = ReadProcFile(AT_FDCWD, "/proc/" + pid + "/stat");
  Relatives relatives;
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return relatives;
  std::string_view rest = std::string_view(stat).substr(name_end + 1);
  pid_t numbers[3] = {};  // parent, group, session, after the state
  const char* at = rest.data() + std::min<size_t>(rest.size(), 3);
  for (pid_t& number : numbers) {
    while (at < rest.data() + rest.size() && *at == ' ') ++at;
    at = std::from_chars(at, rest.data() + rest.size(), number).ptr;
  }
  return {.group = numbers[1], .session = numbers[2]};
}

std::vector<std::string> AllProcesses() {
  std::vector<std::string> pids;
  std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
  if (!proc) return pids;
  while (const dirent* entry = ::readdir(proc.get())) {
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') pids.emplace_back(entry->d_name);
  }
  return pids;
}

}  // namespace wslm::lxcore
