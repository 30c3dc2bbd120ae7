#include "runtime-v1/lxcore/syscalls_page.h"

#include <string.h>

#include <map>
#include <sstream>

#include "runtime-v1/lxcore/syscall_table.h"

namespace wslm::lxcore {
namespace {

constexpr char kIntroduction[] = R"(# System calls in v1

What becomes of each system call that a program in a v1 distro makes. `wslm-syscalls-page` writes this page from the
table in `runtime-v1/lxcore/syscalls/`, from which the filter and the dispatch are made as well.

- **native**: the host's kernel does it, as for any process of the user's.
- **served**: `wslm-lxcore` answers it, or checks it and lets the kernel do it, by the distro's own users and owners.
- **partly**: one of the two, with something that isn't as Linux has it; the row says what and which errno it gives.
- **refused**: it always gives the errno shown.

A number that is in no row gives ENOSYS, so that nothing newer falls through unseen. This is the table of x86-64. Programs
of 32 bits are not started (ENOEXEC, "Exec format error"); the calls of i386 (`int 0x80`) and x32 give ENOSYS.

)";

std::string_view LevelOf(const SyscallRule& rule) {
  if (rule.treatment == Treatment::kRefuse) return "refused";
  if (!rule.missing.empty()) return "partly";
  return rule.treatment == Treatment::kNative ? "native" : "served";
}

void WriteRow(std::ostream& page, const SyscallRule& rule) {
  page << "| `" << rule.name << "` | " << rule.number << " | " << LevelOf(rule) << " |";
  if (rule.treatment == Treatment::kRefuse) page << " " << ::strerrorname_np(rule.error) << ":";
  if (!rule.missing.empty()) page << " " << rule.missing << (rule.note.empty() ? "" : ";");
  if (!rule.note.empty()) page << " " << rule.note;
  page << " |\n";
}

}  // namespace

std::string SyscallsPage() {
  std::ostringstream tables;
  std::map<std::string_view, int> counts;
  for (const SyscallArea& area : SyscallAreas()) {
    tables << "\n## " << area.title << "\n\n| call | number | | |\n|---|---|---|---|\n";
    for (const SyscallRule& rule : area.rules) {
      ++counts[LevelOf(rule)];
      WriteRow(tables, rule);
    }
  }
  std::ostringstream page;
  page << kIntroduction << SyscallTable().size() << " calls: " << counts["native"] << " native, " << counts["served"]
       << " served, " << counts["partly"] << " partly, " << counts["refused"] << " refused.\n"
       << tables.str();
  return page.str();
}

}  // namespace wslm::lxcore
