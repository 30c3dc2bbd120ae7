// Programs of the host, started by posix_spawn as a fresh process: no signal blocked or ignored, standard input empty.
//
//   SpawnPlan plan;
//   plan.SetOutput(pipe.get());
//   ASSIGN_OR_RETURN(const pid_t pid, plan.Spawn("/usr/sbin/mke2fs", {"mke2fs", …}, {"PATH=…"}));
#ifndef WSLM_DISTROS_HOST_SPAWN_H_
#define WSLM_DISTROS_HOST_SPAWN_H_

#include <spawn.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace wslm {

// `strings` as exec takes them: pointers, and a null behind. Valid as long as they are; exec writes to none of them.
std::vector<char*> ExecPointers(const std::vector<std::string>& strings);

// For one child. Not thread-safe.
class SpawnPlan {
 public:
  SpawnPlan();
  ~SpawnPlan();
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // Standard output and error go to this descriptor, or to this file, which is opened with `flags` and made 0600.
  void SetOutput(int fd);
  void SetOutput(const std::string& file, int flags);
  // The child gets `fd` as number `as`. `fd` is above all such numbers, lest one overwrites another on its way.
  void Give(int fd, int as);
  // A session of its own, and "/" as its folder: for what goes on without its parent.
  void SetDaemon();
  // A process group of its own: it stays in the session, but the terminal's signals don't reach it.
  void SetGroup();

  // Starts `program`, a path. The child has the standard streams and what it was given, no other descriptor; the caller
  // waits for it. Once.
  absl::StatusOr<pid_t> Spawn(const std::string& program, const std::vector<std::string>& arguments,
                              const std::vector<std::string>& environment);

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
  short flags_;
  // The first number behind what the child was given.
  int behind_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_HOST_SPAWN_H_
