#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/exit_codes.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/distro_service.grpc.pb.h"

namespace wslm::cli {
namespace {

class SetDefaultCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "set-default"; }
  std::string summary() const override { return "Choose the distro that commands without -d go to"; }
  std::string usage() const override { return "set-default NAME"; }

  absl::StatusOr<int> Run() override {
    v1::SetDefaultDistroRequest request;
    request.set_distro(name_);
    ASSIGN_OR_RETURN(const v1::SetDefaultDistroResponse response,
                     client_.Call(&v1::DistroService::Stub::SetDefaultDistro, request));
    console_.Note(absl::StrCat("The default distro is ", Escaped(response.distro().name()), "."));
    return kExitOk;
  }

 protected:
  void AddArguments(Arguments& arguments) override { arguments.Word("NAME", name_); }

 private:
  std::string name_;
};

}  // namespace

std::unique_ptr<Command> MakeSetDefaultCommand(Client& client, Console& console) {
  return std::make_unique<SetDefaultCommand>(client, console);
}

}  // namespace wslm::cli
