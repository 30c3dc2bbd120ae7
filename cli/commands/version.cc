#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/exit_codes.h"
#include "cli/output/json.h"
#include "distros/host/error.h"
#include "google/protobuf/struct.pb.h"

namespace wslm::cli {
namespace {

class VersionCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "version"; }
  std::string summary() const override { return "Show the version of wslm, and of the daemon if it runs"; }
  std::string usage() const override { return "version [--json]"; }

  absl::StatusOr<int> Run() override {
    const v1::GetInfoResponse info = client_.ChannelToRunning().ok() ? client_.info() : v1::GetInfoResponse();
    console_.Out(json_ ? Json(info) : Text(info));
    return kExitOk;
  }

 protected:
  void AddArguments(Arguments& arguments) override { arguments.Flag("--json", json_, "As JSON"); }

 private:
  static std::string Text(const v1::GetInfoResponse& info) {
    std::string text = absl::StrCat("wslm version: ", WSLM_VERSION, "\n");
    if (!info.version().empty()) absl::StrAppend(&text, "wslmd version: ", Escaped(info.version()), "\n");
    if (!info.vm().kernel_release().empty()) {
      absl::StrAppend(&text, "Kernel version: ", Escaped(info.vm().kernel_release()), "\n");
    }
    return text;
  }

  // No answer of the API's holds this program's own version.
  static std::string Json(const v1::GetInfoResponse& info) {
    google::protobuf::Struct versions;
    auto& fields = *versions.mutable_fields();
    fields["wslm_version"].set_string_value(WSLM_VERSION);
    fields["wslmd_version"].set_string_value(info.version());
    fields["kernel_release"].set_string_value(info.vm().kernel_release());
    return JsonDocument(versions);
  }

  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeVersionCommand(Client& client, Console& console) {
  return std::make_unique<VersionCommand>(client, console);
}

}  // namespace wslm::cli
