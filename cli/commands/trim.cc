#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/operations/operation_follower.h"
#include "cli/output/units.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/distro_service.grpc.pb.h"

namespace wslm::cli {
namespace {

class TrimCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "trim"; }
  std::string summary() const override { return "Give the free room of a distro's disk back to the host"; }
  std::string usage() const override { return "trim [NAME] [--terminate]"; }
  std::string details() const override {
    return "For distros of version 2, which do it by themselves whenever they stop: this is for one whose virtual "
           "machine\n"
           "died, or whose disk image came from elsewhere.";
  }

  absl::StatusOr<int> Run() override {
    SignalFd signals({SIGINT});
    v1::TrimDistroRequest request;
    request.set_distro(name_);
    request.set_terminate(terminate_);
    request.set_request_id(NewUuid());
    request.set_requestor("wslm trim");
    ASSIGN_OR_RETURN(const v1::TrimDistroResponse begun, client_.Call(&v1::DistroService::Stub::TrimDistro, request));
    FollowOptions options;
    options.done = [](const v1::Operation& operation) {
      return absl::StrCat("Gave ", ShowBytes(operation.response().trim().freed_bytes()), " back to the host");
    };
    return OperationFollower(client_, console_, signals).Follow(begun.operation().id(), options);
  }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.OptionalWord("NAME", name_);
    arguments.Flag("--terminate", terminate_, "End the distro's sessions instead of refusing");
  }

 private:
  std::string name_;
  bool terminate_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeTrimCommand(Client& client, Console& console) {
  return std::make_unique<TrimCommand>(client, console);
}

}  // namespace wslm::cli
