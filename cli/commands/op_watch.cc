#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/operations/operation_follower.h"
#include "cli/output/json.h"
#include "cli/output/units.h"
#include "wslm/v1/operation.pb.h"

namespace wslm::cli {
namespace {

class OpWatchCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "op watch"; }
  std::string summary() const override { return "Follow an operation to its end; Ctrl-C stops watching"; }
  std::string usage() const override { return "op watch ID [--json]"; }

  absl::StatusOr<int> Run() override {
    SignalFd signals({SIGINT});
    FollowOptions options;
    options.on_interrupt = OnInterrupt::kDetach;
    if (json_) {
      options.show = [this](const v1::Operation& operation) { console_.Out(JsonLine(operation)); };
    } else {
      options.done = [](const v1::Operation& operation) {
        return absl::StrCat("The ", KindName(operation.kind()), " was done");
      };
    }
    return OperationFollower(client_, console_, signals).Follow(id_, options);
  }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.Word("ID", id_);
    arguments.Flag("--json", json_, "Each change as JSON on a line");
  }

 private:
  std::string id_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeOpWatchCommand(Client& client, Console& console) {
  return std::make_unique<OpWatchCommand>(client, console);
}

}  // namespace wslm::cli
