#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/exit_codes.h"
#include "cli/operations/operation_follower.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/operation.grpc.pb.h"

namespace wslm::cli {
namespace {

class OpCancelCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "op cancel"; }
  std::string summary() const override { return "Stop an operation and undo what it did"; }
  std::string usage() const override { return "op cancel ID"; }

  absl::StatusOr<int> Run() override {
    SignalFd signals({SIGINT});
    v1::CancelOperationRequest request;
    request.set_id(id_);
    ASSIGN_OR_RETURN(const v1::CancelOperationResponse cancelled,
                     client_.Call(&v1::OperationService::Stub::CancelOperation, request));
    FollowOptions options;
    options.on_interrupt = OnInterrupt::kDetach;
    const absl::StatusOr<int> code =
        OperationFollower(client_, console_, signals).Follow(cancelled.operation().id(), options);
    if (code.ok() && *code == kExitOk) {
      console_.Note("It was done before it could be cancelled.");
      return kExitFailed;
    }
    if (ReasonOf(code.status()) != reason::kCancelled) return code;
    console_.Note("Cancelled; everything is as it was before.");
    return kExitOk;
  }

 protected:
  void AddArguments(Arguments& arguments) override { arguments.Word("ID", id_); }

 private:
  std::string id_;
};

}  // namespace

std::unique_ptr<Command> MakeOpCancelCommand(Client& client, Console& console) {
  return std::make_unique<OpCancelCommand>(client, console);
}

}  // namespace wslm::cli
