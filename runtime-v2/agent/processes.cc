#include "runtime-v2/agent/processes.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "distros/host/error.h"
#include "distros/host/files.h"

namespace wslm {
namespace {

std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  DIR* directory = ::opendir(folder.c_str());
  if (directory == nullptr) return names;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  ::closedir(directory);
  return names;
}

}  // namespace

std::vector<pid_t> Processes() {
  std::vector<pid_t> pids;
  for (const std::string& name : NamesIn("/proc")) {
    pid_t pid = 0;
    if (absl::SimpleAtoi(name, &pid)) pids.push_back(pid);
  }
  std::sort(pids.begin(), pids.end());
  return pids;
}

std::vector<OpenFileOf> OpenFilesOf(pid_t pid) {
  const std::string folder = absl::StrCat("/proc/", pid, "/fd");
  std::vector<OpenFileOf> files;
  for (const std::string& name : NamesIn(folder)) {
    const std::string path = absl::StrCat(folder, "/", name);
    files.push_back({.path = path, .target = LinkTarget(path)});
  }
  return files;
}

std::string LinkTarget(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t size = ::readlink(path.c_str(), target, sizeof target);
  return size <= 0 ? "" : std::string(target, static_cast<size_t>(size));
}

std::optional<uint64_t> StartOfProcess(pid_t pid) {
  const std::string text = ReadSmallFile(absl::StrCat("/proc/", pid, "/stat")).value_or("");
  // proc_pid_stat(5): the name, the second field, may hold anything, and the 22nd is wanted.
  std::istringstream words(text.substr(std::min(text.rfind(')'), text.size())));
  std::string word;
  for (int field = 2; field < 22; ++field) words >> word;
  uint64_t start = 0;
  if (!(words >> start)) return std::nullopt;
  return start;
}

std::string DistroOfProcess(pid_t pid) {
  // "0::/wslm/ID/root/…"
  const std::string text = ReadSmallFile(absl::StrCat("/proc/", pid, "/cgroup")).value_or("");
  absl::string_view group = text;
  if (!absl::ConsumePrefix(&group, "0::/wslm/")) return "";
  return std::string(group.substr(0, group.find_first_of("/\n")));
}

std::string DescribeProcess(pid_t pid) {
  std::string name;
  pid_t shown = pid;
  std::istringstream lines(ReadSmallFile(absl::StrCat("/proc/", pid, "/status")).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    absl::string_view value = line;
    if (absl::ConsumePrefix(&value, "Name:\t")) name = std::string(value);
    // In the VM, in the distro, and further in.
    if (absl::ConsumePrefix(&value, "NSpid:\t")) std::istringstream(std::string(value)) >> pid >> shown;
  }
  return absl::StrCat("'", Escaped(name), "' (process ", shown, ")");
}

}  // namespace wslm
