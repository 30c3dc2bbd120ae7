#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/exit_codes.h"
#include "cli/output/json.h"
#include "cli/output/table.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/distro_service.grpc.pb.h"

namespace wslm::cli {
namespace {

class ListCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "list"; }
  std::string summary() const override { return "List the distros"; }
  std::string usage() const override { return "list [-v | -q | --json] [--running]"; }

  absl::StatusOr<int> Run() override {
    v1::ListDistrosRequest request;
    if (running_) request.add_states(v1::DISTRO_STATE_RUNNING);
    ASSIGN_OR_RETURN(const v1::ListDistrosResponse all,
                     client_.CallForAll(&v1::DistroService::Stub::ListDistros, request));
    const std::vector<v1::Distro> distros(all.distros().begin(), all.distros().end());
    if (json_) {
      console_.Out(JsonDocument(all));
    } else if (distros.empty()) {
      console_.Note(running_ ? "There are no running distros."
                             : "There are no distros yet. 'wslm import NAME FILE' makes one from an archive of a root "
                               "file system.");
    } else if (verbose_) {
      console_.Out(FormatDistroTable(distros));
      for (const v1::Distro& distro : distros) {
        const std::string name = Escaped(distro.name());
        if (!distro.broken_reason().empty()) {
          console_.Note(absl::StrCat(name, " can't be used: ", Escaped(distro.broken_reason())));
        } else if (!distro.operation_id().empty()) {
          console_.Note(absl::StrCat(name, " is held by an operation: wslm op watch ", Escaped(distro.operation_id())));
        }
      }
    } else {
      for (const v1::Distro& distro : distros) {
        console_.Out(absl::StrCat(Escaped(distro.name()), distro.is_default() && !quiet_ ? " (Default)" : "", "\n"));
      }
    }
    return kExitOk;
  }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.Flag("-v", verbose_, "Show state and version too");
    arguments.Flag("-q", quiet_, "Show names only");
    arguments.Flag("--running", running_, "Only those that run");
    arguments.Flag("--json", json_, "As JSON");
    arguments.Exclude("-q", "-v");
    arguments.Exclude("--json", "-v");
    arguments.Exclude("--json", "-q");
  }

 private:
  bool verbose_ = false;
  bool quiet_ = false;
  bool running_ = false;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeListCommand(Client& client, Console& console) {
  return std::make_unique<ListCommand>(client, console);
}

}  // namespace wslm::cli
