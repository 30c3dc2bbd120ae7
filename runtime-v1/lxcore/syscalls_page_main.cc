// wslm-syscalls-page: writes docs/syscalls.md to standard output. For developers; not installed.
#include <cstdio>

#include "runtime-v1/lxcore/syscalls_page.h"

int main() { return std::fputs(wslm::lxcore::SyscallsPage().c_str(), stdout) < 0 ? 1 : 0; }
