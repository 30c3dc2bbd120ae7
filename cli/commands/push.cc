#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/commands/registry_options.h"
#include "cli/exit_codes.h"
#include "cli/operations/operation_follower.h"
#include "distros/host/error.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/distro_service.grpc.pb.h"

namespace wslm::cli {
namespace {

class PushCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "push"; }
  std::string summary() const override { return "Send a distro to a registry as a container image"; }
  std::string usage() const override { return "push NAME IMAGE [OPTIONS]"; }
  std::string details() const override {
    return "IMAGE is the image's name with its registry and tag, as docker push takes it. The image has one layer and "
           "goes\n"
           "to any container engine. Its digest is written to standard output.";
  }

  absl::StatusOr<int> Run() override {
    SignalFd signals({SIGINT});
    v1::PushDistroRequest request;
    request.set_distro(name_);
    request.set_image(image_);
    request.set_terminate(terminate_);
    request.set_request_id(NewUuid());
    request.set_requestor("wslm push");
    ASSIGN_OR_RETURN(*request.mutable_access(), registry_.Access());
    ASSIGN_OR_RETURN(const v1::PushDistroResponse begun, client_.Call(&v1::DistroService::Stub::PushDistro, request));
    v1::PushResult result;
    FollowOptions options;
    options.done = [&](const v1::Operation& operation) {
      result = operation.response().push();
      return absl::StrCat("Pushed ", Escaped(name_), " to ", Escaped(result.reference()));
    };
    ASSIGN_OR_RETURN(const int code,
                     OperationFollower(client_, console_, signals).Follow(begun.operation().id(), options));
    if (code != kExitOk) return code;
    for (const std::string& loss : result.losses()) console_.Warn(absl::StrCat("not in the image: ", Escaped(loss)));
    console_.Out(absl::StrCat(Escaped(result.digest()), "\n"));
    return kExitOk;
  }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.Word("NAME", name_);
    arguments.Word("IMAGE", image_);
    arguments.Flag("--terminate", terminate_, "End the distro's sessions instead of refusing");
    registry_.AddTo(arguments);
  }

 private:
  std::string name_;
  std::string image_;
  bool terminate_ = false;
  RegistryOptions registry_;
};

}  // namespace

std::unique_ptr<Command> MakePushCommand(Client& client, Console& console) {
  return std::make_unique<PushCommand>(client, console);
}

}  // namespace wslm::cli
