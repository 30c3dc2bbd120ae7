#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/exit_codes.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/file_service.grpc.pb.h"

namespace wslm::cli {
namespace {

class FilesCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "files"; }
  std::string summary() const override { return "Serve a distro's files by 9P and print where"; }
  std::string usage() const override { return "files [NAME]"; }
  std::string details() const override {
    return "A Unix socket for you alone, where the distro's files are served by 9P2000.L with its own owners and "
           "modes.\n"
           "The distro is started for that, without any program of its own, and goes on as long as somebody is "
           "connected.\n"
           "Version 1 only.";
  }

  absl::StatusOr<int> Run() override {
    v1::ServeFilesRequest request;
    request.set_distro(distro_);
    ASSIGN_OR_RETURN(const v1::ServeFilesResponse response, client_.Call(&v1::FileService::Stub::ServeFiles, request));
    console_.Out(absl::StrCat(Escaped(response.socket_path()), "\n"));
    return kExitOk;
  }

 protected:
  void AddArguments(Arguments& arguments) override { arguments.OptionalWord("NAME", distro_); }

 private:
  std::string distro_;
};

}  // namespace

std::unique_ptr<Command> MakeFilesCommand(Client& client, Console& console) {
  return std::make_unique<FilesCommand>(client, console);
}

}  // namespace wslm::cli
