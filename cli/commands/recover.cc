#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/exit_codes.h"
#include "cli/output/json.h"
#include "cli/output/table.h"
#include "cli/output/units.h"
#include "distros/host/error.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/distro_service.grpc.pb.h"

namespace wslm::cli {
namespace {

class RecoverCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "recover"; }
  std::string summary() const override { return "Bring a removed distro back, or list those that can be"; }
  std::string usage() const override { return "recover [NAME [--name NEW] | --json]"; }

  absl::StatusOr<int> Run() override {
    if (name_.empty()) return List();
    v1::RecoverDistroRequest request;
    request.set_distro(name_);
    request.set_new_name(new_name_);
    request.set_request_id(NewUuid());
    ASSIGN_OR_RETURN(const v1::RecoverDistroResponse response,
                     client_.Call(&v1::DistroService::Stub::RecoverDistro, request));
    console_.Note(absl::StrCat("Recovered ", Escaped(response.distro().name()), "."));
    return kExitOk;
  }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.OptionalWord("NAME", name_);
    arguments.Option("--name", "NEW", new_name_, "The name it is to have");
    arguments.Flag("--json", json_, "The list as JSON");
    arguments.Need("--name", "NAME");
    arguments.Exclude("--json", "NAME");
  }

 private:
  absl::StatusOr<int> List() {
    ASSIGN_OR_RETURN(const v1::ListTrashResponse trash,
                     client_.Call(&v1::DistroService::Stub::ListTrash, v1::ListTrashRequest()));
    if (json_) {
      console_.Out(JsonDocument(trash));
      return kExitOk;
    }
    if (trash.distros().empty()) {
      console_.Note("The trash is empty.");
      return kExitOk;
    }
    std::vector<std::vector<std::string>> rows;
    for (const v1::TrashedDistro& trashed : trash.distros()) {
      rows.push_back({trashed.distro().name(), trashed.distro().id(),
                      absl::StrCat(VersionNumber(trashed.distro().version())), ShowTime(trashed.delete_time()),
                      ShowTime(trashed.purge_time())});
    }
    console_.Out(FormatTable({"NAME", "ID", "VERSION", "REMOVED", "KEPT UNTIL"}, rows));
    return kExitOk;
  }

  std::string name_;
  std::string new_name_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeRecoverCommand(Client& client, Console& console) {
  return std::make_unique<RecoverCommand>(client, console);
}

}  // namespace wslm::cli
