#include <optional>

#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/exit_codes.h"
#include "cli/output/wait_line.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/distro_service.grpc.pb.h"

namespace wslm::cli {
namespace {

class TerminateCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "terminate"; }
  std::string summary() const override { return "End all processes of a distro"; }
  std::string usage() const override { return "terminate NAME"; }

  absl::StatusOr<int> Run() override {
    v1::TerminateDistroRequest request;
    request.set_distro(name_);
    std::optional<WaitLine> waiting(std::in_place, console_, absl::StrCat("Stopping ", Escaped(name_)));
    ASSIGN_OR_RETURN(const v1::TerminateDistroResponse response,
                     client_.Call(&v1::DistroService::Stub::TerminateDistro, request));
    waiting.reset();
    console_.Note(absl::StrCat(Escaped(response.distro().name()), " is stopped."));
    return kExitOk;
  }

 protected:
  void AddArguments(Arguments& arguments) override { arguments.Word("NAME", name_); }

 private:
  std::string name_;
};

}  // namespace

std::unique_ptr<Command> MakeTerminateCommand(Client& client, Console& console) {
  return std::make_unique<TerminateCommand>(client, console);
}

}  // namespace wslm::cli
