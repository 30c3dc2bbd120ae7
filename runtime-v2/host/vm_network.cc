// The network of a VM that runs: its ports on the host, and its way out.
#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/host/passt.h"
#include "runtime-v2/host/qemu_command.h"
#include "runtime-v2/host/vm.h"

namespace wslm {
namespace {

constexpr uint16_t kFirstOrdinaryPort = 1024;
constexpr char kPasstEnded[] = "passt has ended; the VM's next start starts it again.";

// In the words of QEMU's hostfwd commands.
std::string HostEnd(const VmPort& port) {
  return absl::StrCat(kNetdev, port.udp ? " udp" : " tcp", ":127.0.0.1:", port.number);
}

}  // namespace

VmPorts Vm::forwards() const {
  const std::lock_guard lock(state_->mutex);
  return record_.forwards;
}

absl::Status Vm::AddForward(const VmPort& port, const VmPortEnd& end) {
  {
    // First, as for disks: a record of a rule that isn't there does no harm.
    const std::lock_guard lock(state_->mutex);
    record_.forwards[port] = end;
    RETURN_IF_ERROR(WriteRecord());
  }
  const std::string rule = absl::StrCat(HostEnd(port), "-", end.loopback ? "127.0.0.1" : "", ":", end.number);
  const auto said = HumanMonitor(absl::StrCat("hostfwd_add ", rule));
  // It says something when it fails, and nothing else.
  if (said.ok() && said->empty()) return absl::OkStatus();
  const std::lock_guard lock(state_->mutex);
  record_.forwards.erase(port);
  RETURN_IF_ERROR(WriteRecord());
  if (!said.ok()) return said.status();
  return Error(
      absl::StatusCode::kUnavailable, reason::kIoError,
      absl::StrCat("127.0.0.1:", port.number,
                   port.number < kFirstOrdinaryPort ? " of the host is not to be had: it is in use, or for root alone."
                                                    : " of the host is in use."));
}

absl::Status Vm::RemoveForward(const VmPort& port) {
  // It says so when there is none: all the better.
  RETURN_IF_ERROR(HumanMonitor(absl::StrCat("hostfwd_remove ", HostEnd(port))).status());
  const std::lock_guard lock(state_->mutex);
  record_.forwards.erase(port);
  return WriteRecord();
}

absl::StatusOr<std::string> Vm::HumanMonitor(const std::string& command) {
  ASSIGN_OR_RETURN(const Json said, qmp_->Execute("human-monitor-command", {{"command-line", command}}));
  return said.is_string() ? said.get<std::string>() : "";
}

bool Vm::UsesPasst() const { return record_.passt && record_.network_reason.empty(); }

VmNetwork Vm::network() const {
  const std::lock_guard lock(state_->mutex);
  return {.passt = UsesPasst() ? kPasstNetdev : "", .reason = record_.network_reason};
}

void Vm::LookForPasst() {
  {
    const std::lock_guard lock(state_->mutex);
    if (!UsesPasst()) return;
  }
  // A VM that runs is kept, whatever becomes of this: whether passt ends later is seen all the same.
  const auto info = HumanMonitor("info network");
  if (!info.ok()) return;
  if (!PasstIsThere(*info)) {
    LeavePasst(passt_problem_.empty() ? kPasstEnded : passt_problem_).IgnoreError();
  } else {
    // A snapshot may have been made when it wasn't.
    qmp_->Execute("set_link", {{"name", kPasstNetdev}, {"up", true}}).IgnoreError();
  }
}

absl::Status Vm::LeavePasst(const std::string& why) {
  // Without a carrier its routes don't count any more.
  RETURN_IF_ERROR(qmp_->Execute("set_link", {{"name", kPasstNetdev}, {"up", false}}).status());
  const std::lock_guard lock(state_->mutex);
  record_.network_reason = why;
  return WriteRecord();
}

absl::Status Vm::LeavePasst() { return LeavePasst(kPasstEnded); }

void Vm::State::OnPasstEnded() {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex);
    passt_ended = true;
    callback = std::exchange(on_passt_ended, nullptr);
  }
  if (callback) callback();
}

void Vm::OnPasstEnded(std::function<void()> callback) {
  {
    const std::lock_guard lock(state_->mutex);
    // One that was not there from the beginning was said to be so then.
    if (!UsesPasst()) return;
    if (!state_->passt_ended) {
      state_->on_passt_ended = std::move(callback);
      return;
    }
  }
  callback();
}

}  // namespace wslm
