#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/exit_codes.h"
#include "cli/output/json.h"
#include "cli/output/table.h"
#include "cli/output/units.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/operation.grpc.pb.h"

namespace wslm::cli {
namespace {

class OpListCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "op list"; }
  std::string summary() const override { return "List the operations, the newest first"; }
  std::string usage() const override { return "op list [--running] [--json]"; }

  absl::StatusOr<int> Run() override {
    v1::ListOperationsRequest request;
    request.set_unfinished_only(running_);
    ASSIGN_OR_RETURN(const v1::ListOperationsResponse all,
                     client_.CallForAll(&v1::OperationService::Stub::ListOperations, request));
    if (json_) {
      console_.Out(JsonDocument(all));
      return kExitOk;
    }
    if (all.operations().empty()) {
      console_.Note("There are no operations.");
      return kExitOk;
    }
    std::vector<std::vector<std::string>> rows;
    for (const v1::Operation& operation : all.operations()) {
      const std::string names =
          absl::StrJoin(operation.distros(), ", ",
                        [](std::string* out, const v1::DistroRef& distro) { absl::StrAppend(out, distro.name()); });
      rows.push_back({operation.id(), KindName(operation.kind()), names, StateName(operation),
                      ShowTime(operation.create_time()), operation.error().message()});
    }
    console_.Out(FormatTable({"ID", "KIND", "DISTRO", "STATE", "BEGUN", "ERROR"}, rows));
    return kExitOk;
  }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.Flag("--running", running_, "Only those that are not done");
    arguments.Flag("--json", json_, "As JSON");
  }

 private:
  bool running_ = false;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeOpListCommand(Client& client, Console& console) {
  return std::make_unique<OpListCommand>(client, console);
}

}  // namespace wslm::cli
