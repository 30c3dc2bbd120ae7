#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/exit_codes.h"
#include "cli/output/wait_line.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/system.grpc.pb.h"

namespace wslm::cli {
namespace {

class HibernateCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "hibernate"; }
  std::string summary() const override { return "Save the virtual machine with all that runs in it, until it is used"; }
  std::string usage() const override { return "hibernate"; }

  absl::StatusOr<int> Run() override {
    std::optional<WaitLine> waiting(std::in_place, console_, "Saving the virtual machine");
    ASSIGN_OR_RETURN(const v1::HibernateVmResponse response,
                     client_.Call(&v1::SystemService::Stub::HibernateVm, v1::HibernateVmRequest()));
    waiting.reset();
    const std::string names = absl::StrJoin(
        response.hibernated(), ", ",
        [](std::string* out, const v1::DistroRef& distro) { absl::StrAppend(out, Escaped(distro.name())); });
    console_.Note(absl::StrCat("Hibernated ", names, "."));
    return kExitOk;
  }
};

}  // namespace

std::unique_ptr<Command> MakeHibernateCommand(Client& client, Console& console) {
  return std::make_unique<HibernateCommand>(client, console);
}

}  // namespace wslm::cli
