#include "runtime-v2/host/vm_state.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

// Half a megabyte.
constexpr absl::Duration kTimeout = absl::Seconds(30);
constexpr absl::Duration kPoll = absl::Milliseconds(1);
constexpr char kFdName[] = "state";

// Memory that a file holds is not part of the state.
absl::Status IgnoreSharedMemory(Qmp& qmp) {
  const Json capability = {{"capability", "x-ignore-shared"}, {"state", true}};
  return qmp.Execute("migrate-set-capabilities", {{"capabilities", Json::array({capability})}}).status();
}

// Until it is over.
absl::Status WaitForMigration(Qmp& qmp) {
  for (const absl::Time deadline = absl::Now() + kTimeout; absl::Now() < deadline; absl::SleepFor(kPoll)) {
    ASSIGN_OR_RETURN(const Json answer, qmp.Execute("query-migrate", Json::object()));
    const std::string status = JsonText(answer, "status");
    if (status == "completed") return absl::OkStatus();
    if (status == "failed" || status == "cancelled") {
      return Error(absl::StatusCode::kInternal, reason::kInternal,
                   absl::StrCat("The VM's state can't be moved: ", Escaped(JsonText(answer, "error-desc")), "."));
    }
  }
  return Error(absl::StatusCode::kDeadlineExceeded, reason::kInternal, "The VM's state was not moved in time.");
}

// One that is under way would stop the VM when it is through, whatever was made of the VM meanwhile.
void CancelMigration(Qmp& qmp) {
  if (qmp.Execute("migrate_cancel", Json::object()).ok()) WaitForMigration(qmp).IgnoreError();
}

}  // namespace

absl::Status SaveVmState(Qmp& qmp, int fd) {
  RETURN_IF_ERROR(IgnoreSharedMemory(qmp));
  RETURN_IF_ERROR(qmp.Execute("getfd", {{"fdname", kFdName}}, fd).status());
  // No "stop" before: the state would say that it is stopped.
  absl::Status saved = qmp.Execute("migrate", {{"uri", absl::StrCat("fd:", kFdName)}}).status();
  if (saved.ok()) saved = WaitForMigration(qmp);
  if (!saved.ok()) CancelMigration(qmp);
  return saved;
}

absl::Status ResumeVm(Qmp& qmp) {
  ASSIGN_OR_RETURN(const Json answer, qmp.Execute("query-status", Json::object()));
  if (JsonFlag(answer, "running")) return absl::OkStatus();
  return qmp.Execute("cont", Json::object()).status();
}

absl::Status LoadVmState(Qmp& qmp, int fd) {
  RETURN_IF_ERROR(IgnoreSharedMemory(qmp));
  RETURN_IF_ERROR(qmp.Execute("migrate-incoming", {{"uri", absl::StrCat("fd:", fd)}}).status());
  return WaitForMigration(qmp);
}

}  // namespace wslm
