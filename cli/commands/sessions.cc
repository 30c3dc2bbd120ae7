#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/exit_codes.h"
#include "cli/output/json.h"
#include "cli/output/table.h"
#include "cli/output/units.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/session.grpc.pb.h"

namespace wslm::cli {
namespace {

class SessionsCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "sessions"; }
  std::string summary() const override { return "List the commands that run in distros"; }
  std::string usage() const override { return "sessions [NAME] [--json]"; }

  absl::StatusOr<int> Run() override {
    v1::ListSessionsRequest request;
    request.set_distro(name_);
    ASSIGN_OR_RETURN(const v1::ListSessionsResponse response,
                     client_.Call(&v1::SessionService::Stub::ListSessions, request));
    if (json_) {
      console_.Out(JsonDocument(response));
      return kExitOk;
    }
    if (response.sessions().empty()) {
      console_.Note("There are no sessions.");
      return kExitOk;
    }
    std::vector<std::vector<std::string>> rows;
    for (const v1::Session& session : response.sessions()) {
      rows.push_back({session.id(), session.distro().name(), session.user(), absl::StrCat(session.pid()),
                      session.attached() ? "attached" : "detached", ShowTime(session.start_time()), session.command()});
    }
    console_.Out(FormatTable({"ID", "DISTRO", "USER", "PID", "CLIENT", "STARTED", "COMMAND"}, rows));
    return kExitOk;
  }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.OptionalWord("NAME", name_);
    arguments.Flag("--json", json_, "As JSON");
  }

 private:
  std::string name_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeSessionsCommand(Client& client, Console& console) {
  return std::make_unique<SessionsCommand>(client, console);
}

}  // namespace wslm::cli
