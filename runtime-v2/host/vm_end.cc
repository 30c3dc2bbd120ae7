#include "runtime-v2/host/vm_end.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"

namespace wslm {
namespace {

constexpr std::string_view kPanic = "Kernel panic - not syncing: ";
constexpr size_t kLongestPanic = 200;

// The last panic's words; empty when there was none.
std::string PanicIn(const std::string& console) {
  const size_t at = console.rfind(kPanic);
  if (at == std::string::npos) return "";
  const std::string line = console.substr(at + kPanic.size(), kLongestPanic);
  return line.substr(0, line.find_first_of("\r\n"));
}

}  // namespace

std::string ExplainVmEnd(const VmEnd& end) {
  const std::string panic = PanicIn(end.console);
  if (panic.find("Attempted to kill init") != std::string::npos) {
    return absl::StrCat("The VM's agent died, and its kernel with it (", Escaped(panic), ").");
  }
  if (panic.find("System is deadlocked on memory") != std::string::npos) {
    return "The VM ran out of memory and had no process left to end. 'memory' in wslm.conf gives it more.";
  }
  if (!panic.empty()) return absl::StrCat("The VM's kernel panicked: ", Escaped(panic), ".");
  if (end.qemu_reason == "host-signal") return "The VM's QEMU was told to end by a signal.";
  if (end.qemu_reason.starts_with("guest")) return "The VM was shut down or reset from inside.";
  if (!end.qemu_reason.empty()) return absl::StrCat("The VM's QEMU ended (", Escaped(end.qemu_reason), ").");
  if (end.outlived_agent) return "The VM's agent hung up, and the VM was ended for that.";
  return "The VM's QEMU was killed, or it crashed.";
}

}  // namespace wslm
