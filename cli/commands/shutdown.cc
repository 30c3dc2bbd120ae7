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

class ShutdownCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "shutdown"; }
  std::string summary() const override { return "Stop all distros and the virtual machine"; }
  std::string usage() const override { return "shutdown [--force]"; }

  absl::StatusOr<int> Run() override {
    v1::ShutdownDistrosRequest request;
    // An empty duration is one of no time; an absent one means the daemon's own.
    if (force_) request.mutable_grace();
    std::optional<WaitLine> waiting(std::in_place, console_, "Stopping all distros and the virtual machine");
    ASSIGN_OR_RETURN(const v1::ShutdownDistrosResponse response,
                     client_.Call(&v1::SystemService::Stub::ShutdownDistros, request));
    waiting.reset();
    const std::string names = absl::StrJoin(
        response.stopped(), ", ",
        [](std::string* out, const v1::DistroRef& distro) { absl::StrAppend(out, Escaped(distro.name())); });
    console_.Note(names.empty() ? "No distro was running." : absl::StrCat("Stopped ", names, "."));
    return kExitOk;
  }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.Flag("--force", force_, "Leave processes no time to end, and give up a hibernated VM that can't go on");
  }

 private:
  bool force_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeShutdownCommand(Client& client, Console& console) {
  return std::make_unique<ShutdownCommand>(client, console);
}

}  // namespace wslm::cli
