// The seccomp filter that sorts a guest's system calls: most are the kernel's, some are refused, some are lxcore's.
//
//   std::vector<sock_filter> program = BuildFilter(SyscallTable());
//   ASSIGN_OR_RETURN(UniqueFd listener, InstallFilter(program));
#ifndef WSLM_RUNTIME_V1_LXCORE_FILTER_H_
#define WSLM_RUNTIME_V1_LXCORE_FILTER_H_

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/syscall_table.h"

namespace wslm::lxcore {

// Calls that pass, served ones too, with WSLM_FAST_NATIVE as their sixth argument (runtime-v1/fastpath/protocol.h).
std::span<const int> FastCalls();

// For x86_64. Calls in the x32 and i386 ways get ENOSYS; programs for them aren't started at all (sys_exec.cc).
// `rules` by number, each once; a number that none has is ENOSYS.
// `fast`: of FastCalls, or none.
std::vector<sock_filter> BuildFilter(std::span<const SyscallRule> rules, std::span<const int> fast = {});

// For the calling thread and all that come from it. Sets no_new_privs. Answers the listener's descriptor.
absl::StatusOr<UniqueFd> InstallFilter(const std::vector<sock_filter>& program);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_FILTER_H_
