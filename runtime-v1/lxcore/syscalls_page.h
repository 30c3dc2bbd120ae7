// The page docs/syscalls.md, made from the table. `wslm-syscalls-page > docs/syscalls.md` writes it anew; a test says
// when that is due.
#ifndef WSLM_RUNTIME_V1_LXCORE_SYSCALLS_PAGE_H_
#define WSLM_RUNTIME_V1_LXCORE_SYSCALLS_PAGE_H_

#include <string>

namespace wslm::lxcore {

// All of it, as Markdown.
std::string SyscallsPage();

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_SYSCALLS_PAGE_H_
