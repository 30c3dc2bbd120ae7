#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/exit_codes.h"
#include "distros/host/error.h"

namespace wslm::cli {
namespace {

class VersionCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "version"; }
  std::string summary() const override { return "Show the version of wslm, and of the daemon if it runs"; }
  std::string usage() const override { return "version"; }

  absl::StatusOr<int> Run() override {
    std::string text = absl::StrCat("wslm version: ", WSLM_VERSION, "\n");
    if (client_.ChannelToRunning().ok()) {
      const v1::GetInfoResponse info = client_.info();
      absl::StrAppend(&text, "wslmd version: ", Escaped(info.version()), "\n");
      if (!info.vm().kernel_release().empty()) {
        absl::StrAppend(&text, "Kernel version: ", Escaped(info.vm().kernel_release()), "\n");
      }
    }
    console_.Out(text);
    return kExitOk;
  }
};

}  // namespace

std::unique_ptr<Command> MakeVersionCommand(Client& client, Console& console) {
  return std::make_unique<VersionCommand>(client, console);
}

}  // namespace wslm::cli
