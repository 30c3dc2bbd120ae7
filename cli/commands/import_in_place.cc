#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/commands/host_path.h"
#include "cli/operations/operation_follower.h"
#include "distros/host/error.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/distro_service.grpc.pb.h"

namespace wslm::cli {
namespace {

class ImportInPlaceCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "import-in-place"; }
  std::string summary() const override { return "Use a disk image as a distro where it lies"; }
  std::string usage() const override { return "import-in-place NAME FILE [--isolated]"; }
  std::string details() const override {
    return "FILE is an ext4 file system without partitions: a raw image, a VHDX or a VHD. It is not copied, runs in "
           "the\n"
           "virtual machine, and stays where it is when the distro is removed or converted.";
  }

  absl::StatusOr<int> Run() override {
    SignalFd signals({SIGINT});
    v1::ImportInPlaceRequest request;
    request.set_name(name_);
    ASSIGN_OR_RETURN(*request.mutable_host_path(), AbsolutePath(file_));
    request.set_isolated(isolated_);
    request.set_request_id(NewUuid());
    request.set_requestor("wslm import-in-place");
    ASSIGN_OR_RETURN(const v1::ImportInPlaceResponse begun,
                     client_.Call(&v1::DistroService::Stub::ImportInPlace, request));
    FollowOptions options;
    options.done = [](const v1::Operation& operation) {
      const v1::Distro& distro = operation.response().distro();
      return absl::StrCat("Imported ", Escaped(distro.name()), " in place");
    };
    return OperationFollower(client_, console_, signals).Follow(begun.operation().id(), options);
  }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.Word("NAME", name_);
    arguments.Word("FILE", file_);
    arguments.Flag("--isolated", isolated_, "Show it no host folders and run no host programs");
  }

 private:
  std::string name_;
  std::string file_;
  bool isolated_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeImportInPlaceCommand(Client& client, Console& console) {
  return std::make_unique<ImportInPlaceCommand>(client, console);
}

}  // namespace wslm::cli
