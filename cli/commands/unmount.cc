#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/commands/host_path.h"
#include "cli/exit_codes.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/disk_service.grpc.pb.h"

namespace wslm::cli {
namespace {

class UnmountCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "unmount"; }
  std::string summary() const override { return "Take a disk out of the distros again, or all"; }
  std::string usage() const override { return "unmount [DISK]"; }
  std::string details() const override {
    return "DISK is its name or its path; without, all that 'wslm mount' mounted.";
  }

  absl::StatusOr<int> Run() override {
    v1::UnmountDiskRequest request;
    request.set_disk(disk_);
    if (absl::StrContains(disk_, '/')) {
      ASSIGN_OR_RETURN(*request.mutable_disk(), AbsolutePath(disk_));
    }
    ASSIGN_OR_RETURN(const v1::UnmountDiskResponse response,
                     client_.Call(&v1::DiskService::Stub::UnmountDisk, request));
    for (const v1::Disk& disk : response.disks()) {
      console_.Note(absl::StrCat(Escaped(disk.source()), " is no longer in the distros."));
    }
    return kExitOk;
  }

 protected:
  void AddArguments(Arguments& arguments) override { arguments.OptionalWord("DISK", disk_); }

 private:
  std::string disk_;
};

}  // namespace

std::unique_ptr<Command> MakeUnmountCommand(Client& client, Console& console) {
  return std::make_unique<UnmountCommand>(client, console);
}

}  // namespace wslm::cli
