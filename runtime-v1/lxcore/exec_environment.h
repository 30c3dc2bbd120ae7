// The environment of a program that gains rights by its set-id bits or capabilities.
//
// The loader leaves out what could turn such a program against its owner (LD_PRELOAD and the like) when the kernel says
// AT_SECURE. The host's kernel doesn't, to which nothing is gained; and what it says can't be changed from outside
// before the loader reads it. So these variables are taken out of the guest's memory before the exec.
// One thread only.
#ifndef WSLM_RUNTIME_V1_LXCORE_EXEC_ENVIRONMENT_H_
#define WSLM_RUNTIME_V1_LXCORE_EXEC_ENVIRONMENT_H_

#include <sys/types.h>

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime-v1/lxcore/kept_log.h"

namespace wslm::lxcore {

// "NAME=value" of a variable that glibc or musl doesn't pass to such programs.
bool IsUnsafeVariable(std::string_view variable);

class ExecEnvironments {
 public:
  // `proc`: the host's /proc. `kept`, which may be null: where what is hidden is kept. Both must outlive this.
  explicit ExecEnvironments(int proc, KeptLog* kept = nullptr);

  // `environment`: the argument of an execve by `tid`. Each unsafe variable becomes an empty one.
  void Hide(pid_t tid, uint64_t environment);
  // `tid` made a call after that: a parent that shared the memory until the exec (vfork) gets them back.
  void ShowAgain(pid_t tid) {
    if (!hidden_.empty()) ShowToParentOf(tid);
  }

 private:
  struct Hidden {
    pid_t parent = 0;
    struct Variable {
      uint64_t at = 0;
      uint64_t pointer = 0;
    };
    std::vector<Variable> variables;
  };
  void Keep(pid_t tid, Hidden hidden);
  void ShowToParentOf(pid_t tid);

  int proc_;
  KeptLog* kept_;
  std::unordered_map<pid_t, Hidden> hidden_;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_EXEC_ENVIRONMENT_H_
