#include "distros/host/spawn.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "distros/host/error.h"

namespace wslm {

std::vector<char*> ExecPointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

SpawnPlan::SpawnPlan() : flags_(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF), behind_(STDERR_FILENO + 1) {
  ::posix_spawn_file_actions_init(&actions_);
  ::posix_spawnattr_init(&attributes_);
  ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes_, &none);
  ::posix_spawnattr_setsigdefault(&attributes_, &all);
}

SpawnPlan::~SpawnPlan() {
  ::posix_spawn_file_actions_destroy(&actions_);
  ::posix_spawnattr_destroy(&attributes_);
}

void SpawnPlan::SetOutput(int fd) {
  ::posix_spawn_file_actions_adddup2(&actions_, fd, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions_, fd, STDERR_FILENO);
}

void SpawnPlan::SetOutput(const std::string& file, int flags) {
  ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, file.c_str(), flags, 0600);
  ::posix_spawn_file_actions_adddup2(&actions_, STDOUT_FILENO, STDERR_FILENO);
}

void SpawnPlan::Give(int fd, int as) {
  ::posix_spawn_file_actions_adddup2(&actions_, fd, as);
  behind_ = std::max(behind_, as + 1);
}

void SpawnPlan::SetDaemon() {
  flags_ |= POSIX_SPAWN_SETSID;
  ::posix_spawn_file_actions_addchdir_np(&actions_, "/");
}

void SpawnPlan::SetGroup() {
  flags_ |= POSIX_SPAWN_SETPGROUP;
  ::posix_spawnattr_setpgroup(&attributes_, 0);
}

absl::StatusOr<pid_t> SpawnPlan::Spawn(const std::string& program, const std::vector<std::string>& arguments,
                                       const std::vector<std::string>& environment) {
  ::posix_spawn_file_actions_addclosefrom_np(&actions_, behind_);
  ::posix_spawnattr_setflags(&attributes_, flags_);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_, ExecPointers(arguments).data(),
                                  ExecPointers(environment).data());
  if (error != 0) return ErrnoError("cannot run", program, error);
  return pid;
}

}  // namespace wslm
