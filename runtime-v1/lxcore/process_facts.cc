#include "runtime-v1/lxcore/process_facts.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <utility>

#include "distros/host/unique_fd.h"

namespace wslm::lxcore {
namespace {

// The last of the ids of a NSpid or NStgid line: that of the innermost namespace.
pid_t LastNumber(std::string_view field) {
  const size_t start = field.find_last_of(" \t");
  if (start != std::string_view::npos) field.remove_prefix(start + 1);
  pid_t pid = 0;
  std::from_chars(field.data(), field.data() + field.size(), pid);
  return pid;
}

pid_t FirstNumber(std::string_view field) {
  pid_t pid = 0;
  std::from_chars(field.data(), field.data() + field.size(), pid);
  return pid;
}

// Whether a pid namespace, which `file` is open on, is or lies in the one with the number `outer`.
bool LiesIn(UniqueFd file, ino_t outer) {
  struct stat space;
  while (file && ::fstat(file.get(), &space) == 0) {
    if (space.st_ino == outer) return true;
    file.Reset(::ioctl(file.get(), NS_GET_PARENT));
  }
  return false;
}

std::string StatusOf(int proc, pid_t tid) { return ReadProcFile(proc, std::to_string(tid) + "/status"); }

}  // namespace

std::string ReadProcFile(int proc, const std::string& name) {
  UniqueFd file(::openat(proc, name.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!file) return text;
  char buffer[4096];
  ssize_t size;
  while ((size = ::read(file.get(), buffer, sizeof(buffer))) > 0) text.append(buffer, size);
  return text;
}

std::string_view StatusField(std::string_view status, std::string_view name) {
  while (!status.empty()) {
    std::string_view line = status.substr(0, status.find('\n'));
    status.remove_prefix(std::min(status.size(), line.size() + 1));
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') {
      line.remove_prefix(name.size() + 1);
      const size_t start = line.find_first_not_of(" \t");
      return start == std::string_view::npos ? std::string_view() : line.substr(start);
    }
  }
  return {};
}

std::vector<pid_t> ProcessesInside(int proc, pid_t first_process) {
  const auto space_of = [](pid_t pid) { return std::to_string(pid) + "/ns/pid"; };
  struct stat outer, space;
  UniqueFd folder(::openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::unique_ptr<DIR, int (*)(DIR*)> all(folder ? ::fdopendir(folder.Release()) : nullptr, ::closedir);
  std::vector<pid_t> pids;
  if (!all || ::fstatat(proc, space_of(first_process).c_str(), &outer, 0) != 0) return pids;
  std::map<ino_t, bool> inside = {{outer.st_ino, true}};
  while (const dirent* entry = ::readdir(all.get())) {
    const pid_t pid = FirstNumber(entry->d_name);
    // Not those of other users.
    if (pid == 0 || ::fstatat(proc, space_of(pid).c_str(), &space, 0) != 0) continue;
    auto known = inside.find(space.st_ino);
    if (known == inside.end()) {
      UniqueFd file(::openat(proc, space_of(pid).c_str(), O_RDONLY | O_CLOEXEC));
      known = inside.emplace(space.st_ino, LiesIn(std::move(file), outer.st_ino)).first;
    }
    if (known->second) pids.push_back(pid);
  }
  return pids;
}

mode_t UmaskOf(int proc, pid_t tid) {
  const std::string status = StatusOf(proc, tid);
  const std::string_view field = StatusField(status, "Umask");
  mode_t umask = 022;
  std::from_chars(field.data(), field.data() + field.size(), umask, 8);
  return umask;
}

pid_t InnerProcessId(int proc, pid_t tid) {
  const std::string status = StatusOf(proc, tid);
  return LastNumber(StatusField(status, "NStgid"));
}
pid_t InnerThreadId(int proc, pid_t tid) {
  const std::string status = StatusOf(proc, tid);
  return LastNumber(StatusField(status, "NSpid"));
}

ThreadIds IdsIn(int other_proc, int proc, pid_t tid) {
  const std::string status = StatusOf(proc, tid);
  // One number for each namespace, from that of `proc` inwards; a process sees the ids that it has from there on.
  std::string_view processes = StatusField(status, "NStgid"), threads = StatusField(status, "NSpid");
  for (;;) {
    const size_t process_end = processes.find('\t'), thread_end = threads.find('\t');
    if (process_end == std::string_view::npos || thread_end == std::string_view::npos) break;
    processes.remove_prefix(process_end + 1);
    threads.remove_prefix(thread_end + 1);
    if (processes.find('\t') == std::string_view::npos) break;
    const std::string process(processes.substr(0, processes.find('\t')));
    const std::string there = ReadProcFile(other_proc, process + "/status");
    if (StatusField(there, "NStgid") == processes) break;
  }
  return {.process = FirstNumber(processes), .thread = FirstNumber(threads)};
}

}  // namespace wslm::lxcore
