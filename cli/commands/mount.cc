#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/commands/host_path.h"
#include "cli/exit_codes.h"
#include "cli/output/wait_line.h"
#include "distros/host/error.h"
#include "distros/host/invalid.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/disk_service.grpc.pb.h"

namespace wslm::cli {
namespace {

class MountCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "mount"; }
  std::string summary() const override { return "Mount a disk or disk image in all distros of version 2"; }
  std::string usage() const override {
    return "mount DISK [--name NAME] [--type TYPE] [--options OPTIONS] [--partition N] [--bare]";
  }
  std::string details() const override {
    return "DISK is a disk image (raw, qcow2, VHD, VHDX) or a block device that you may open. It is seen at\n"
           "/mnt/wsl/NAME until 'wslm unmount' or 'wslm shutdown'. Isolated distros don't see it.";
  }

  absl::StatusOr<int> Run() override {
    v1::MountDiskRequest request;
    ASSIGN_OR_RETURN(*request.mutable_source(), AbsolutePath(source_));
    request.set_name(disk_name_);
    request.set_type(type_);
    request.set_options(options_);
    uint32_t partition = 0;
    if (!partition_.empty() && (!absl::SimpleAtoi(partition_, &partition) || partition == 0)) {
      return Invalid("partition", "A partition is a number from 1 up.");
    }
    request.set_partition(partition);
    request.set_bare(bare_);
    std::optional<WaitLine> waiting(std::in_place, console_, absl::StrCat("Mounting ", Escaped(source_)));
    ASSIGN_OR_RETURN(const v1::MountDiskResponse response, client_.Call(&v1::DiskService::Stub::MountDisk, request));
    waiting.reset();
    const v1::Disk& disk = response.disk();
    console_.Note(disk.bare() ? absl::StrCat(Escaped(disk.source()), " is /dev/", Escaped(disk.device()), ".")
                              : absl::StrCat(Escaped(disk.source()), " is at /mnt/wsl/", Escaped(disk.name()), " (",
                                             Escaped(disk.type()), disk.read_only() ? ", read-only" : "", ")."));
    return kExitOk;
  }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.Word("DISK", source_);
    arguments.Option("--name", "NAME", disk_name_, "The folder's name below /mnt/wsl; else made of DISK's");
    arguments.Option("--type", "TYPE", type_, "The file system's; else what it seems to be");
    arguments.Option("--options", "OPTIONS", options_, "For mount, apart by commas");
    arguments.Option("--partition", "N", partition_, "The partition, from 1 up; else the whole disk");
    arguments.Flag("--bare", bare_, "Only the device in each distro's /dev, nothing mounted");
    // WSL's word for an image in place of a disk; we look.
    arguments.Flag("--vhd", vhd_, "DISK is an image; it is found out without");
  }

 private:
  std::string source_;
  std::string disk_name_;
  std::string type_;
  std::string options_;
  std::string partition_;
  bool bare_ = false;
  bool vhd_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeMountCommand(Client& client, Console& console) {
  return std::make_unique<MountCommand>(client, console);
}

}  // namespace wslm::cli
