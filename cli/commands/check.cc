#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/exit_codes.h"
#include "cli/operations/operation_follower.h"
#include "cli/output/json.h"
#include "cli/output/text.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/distro_service.grpc.pb.h"

namespace wslm::cli {
namespace {

class CheckCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "check"; }
  std::string summary() const override { return "Look for faults in a distro's files"; }
  std::string usage() const override { return "check [NAME] [--repair] [--json] [--terminate]"; }
  std::string details() const override {
    return "Without --repair nothing is changed. The exit code is 0 when no fault is left, else 1.";
  }

  absl::StatusOr<int> Run() override {
    SignalFd signals({SIGINT});
    v1::CheckDistroRequest request;
    request.set_distro(name_);
    request.set_repair(repair_);
    request.set_terminate(terminate_);
    request.set_request_id(NewUuid());
    request.set_requestor("wslm check");
    ASSIGN_OR_RETURN(const v1::CheckDistroResponse begun, client_.Call(&v1::DistroService::Stub::CheckDistro, request));
    v1::CheckResult result;
    FollowOptions options;
    options.done = [&](const v1::Operation& operation) {
      result = operation.response().check();
      if (result.count() == 0) return std::string("Checked: no faults");
      const std::string found = absl::StrCat("Checked: ", Counted(result.count(), "fault"));
      return repair_ ? absl::StrCat(found, ", ", result.repaired(), " repaired") : found;
    };
    ASSIGN_OR_RETURN(const int code,
                     OperationFollower(client_, console_, signals).Follow(begun.operation().id(), options));
    if (code != kExitOk) return code;
    const int64_t left = result.count() - result.repaired();
    if (json_) {
      console_.Out(JsonDocument(result));
    } else {
      for (const v1::Finding& finding : result.findings()) {
        console_.Out(absl::StrCat(finding.path().empty() ? "" : absl::StrCat(finding.path(), ": "), finding.sentence(),
                                  finding.repaired() ? " (repaired)" : "", "\n"));
      }
      if (result.count() > result.findings_size()) {
        console_.Note(absl::StrCat("and ", result.count() - result.findings_size(), " more"));
      }
      if (left > 0 && !repair_) console_.Note("'wslm check --repair' mends what can be mended.");
    }
    return left == 0 ? kExitOk : kExitFailed;
  }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.OptionalWord("NAME", name_);
    arguments.Flag("--repair", repair_, "Mend what is found");
    arguments.Flag("--json", json_, "As JSON");
    arguments.Flag("--terminate", terminate_, "End the distro's sessions instead of refusing");
  }

 private:
  std::string name_;
  bool repair_ = false;
  bool json_ = false;
  bool terminate_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeCheckCommand(Client& client, Console& console) {
  return std::make_unique<CheckCommand>(client, console);
}

}  // namespace wslm::cli
