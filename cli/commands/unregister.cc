#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/operations/operation_follower.h"
#include "distros/host/error.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/distro_service.grpc.pb.h"

namespace wslm::cli {
namespace {

class UnregisterCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "unregister"; }
  std::string summary() const override { return "Remove a distro; 'recover' brings it back"; }
  std::string usage() const override { return "unregister NAME [--purge]"; }

  absl::StatusOr<int> Run() override {
    SignalFd signals({SIGINT});
    v1::DeleteDistroRequest request;
    request.set_distro(name_);
    request.set_purge(purge_);
    request.set_request_id(NewUuid());
    request.set_requestor("wslm unregister");
    ASSIGN_OR_RETURN(const v1::DeleteDistroResponse begun,
                     client_.Call(&v1::DistroService::Stub::DeleteDistro, request));
    FollowOptions options;
    options.done = [this, &begun](const v1::Operation&) {
      const std::string name = begun.operation().distros().empty() ? name_ : begun.operation().distros(0).name();
      if (purge_) return absl::StrCat("Removed ", Escaped(name), " for good");
      return absl::StrCat("Removed ", Escaped(name), " ('wslm recover ", Escaped(name), "' brings it back)");
    };
    return OperationFollower(client_, console_, signals).Follow(begun.operation().id(), options);
  }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.Word("NAME", name_);
    arguments.Flag("--purge", purge_, "Delete its files for good");
  }

 private:
  std::string name_;
  bool purge_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeUnregisterCommand(Client& client, Console& console) {
  return std::make_unique<UnregisterCommand>(client, console);
}

}  // namespace wslm::cli
