// The rows of the table of system calls, one file per area of the manual; syscall_table.cc puts them together. A row
// gives number, name, treatment and what the page docs/syscalls.md tells of it.
//
//   {"Signals", {Native(13, "rt_sigaction"), Served(62, "kill", SysKill)}}
#ifndef WSLM_RUNTIME_V1_LXCORE_SYSCALLS_AREAS_H_
#define WSLM_RUNTIME_V1_LXCORE_SYSCALLS_AREAS_H_

#include <utility>
#include <vector>

#include "runtime-v1/lxcore/syscall_table.h"

namespace wslm::lxcore {

// `missing`, of all of them: the flag or case that is not as Linux has it, with the errno; the call is then partly
// served. `note`: what a reader should know otherwise.
struct Remarks {
  const char* missing = "";
  const char* note = "";
};

// The kernel's.
inline SyscallRule Native(int number, const char* name, Remarks remarks = {}) {
  return {.number = number, .name = name, .missing = remarks.missing, .note = remarks.note};
}

// lxcore's.
inline SyscallRule Served(int number, const char* name, Handler handler, Remarks remarks = {}) {
  return {.number = number,
          .name = name,
          .treatment = Treatment::kNotify,
          .handler = handler,
          .missing = remarks.missing,
          .note = remarks.note};
}

// lxcore's when the low half of the argument has one of `bits`; else the kernel's.
inline SyscallRule ServedIfAnyBit(int number, const char* name, Handler handler, int argument, uint32_t bits,
                                  Remarks remarks = {}) {
  return {.number = number,
          .name = name,
          .treatment = Treatment::kNotifyIfAnyBit,
          .handler = handler,
          .argument = argument,
          .values = {bits},
          .missing = remarks.missing,
          .note = remarks.note};
}

// lxcore's when the low half of the argument is one of `values`; else the kernel's.
inline SyscallRule ServedIfOneOf(int number, const char* name, Handler handler, int argument,
                                 std::vector<uint32_t> values, Remarks remarks = {}) {
  return {.number = number,
          .name = name,
          .treatment = Treatment::kNotifyIfOneOf,
          .handler = handler,
          .argument = argument,
          .values = std::move(values),
          .missing = remarks.missing,
          .note = remarks.note};
}

// Nobody's. `reason` is for the page.
inline SyscallRule Refused(int number, const char* name, int error, const char* reason) {
  return {.number = number, .name = name, .treatment = Treatment::kRefuse, .error = error, .note = reason};
}

SyscallArea CredentialCalls();
SyscallArea FileCalls();
SyscallArea AttributeCalls();
SyscallArea DescriptorCalls();
SyscallArea MountCalls();
SyscallArea ProcessCalls();
SyscallArea SignalCalls();
SyscallArea SchedulingCalls();
SyscallArea MemoryCalls();
SyscallArea TimeCalls();
SyscallArea SocketCalls();
SyscallArea IpcCalls();
SyscallArea SystemCalls();

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_SYSCALLS_AREAS_H_
