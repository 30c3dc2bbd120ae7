#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/commands/host_path.h"
#include "cli/commands/limit_options.h"
#include "cli/commands/size_option.h"
#include "cli/exit_codes.h"
#include "cli/operations/operation_follower.h"
#include "cli/operations/upload.h"
#include "cli/output/units.h"
#include "distros/host/error.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/distro_service.grpc.pb.h"

namespace wslm::cli {
namespace {

// The size of the regular file on standard input from where it stands; 0 when it is none.
int64_t SizeOfInput() {
  struct stat status;
  if (fstat(STDIN_FILENO, &status) != 0 || !S_ISREG(status.st_mode)) return 0;
  const off_t position = lseek(STDIN_FILENO, 0, SEEK_CUR);
  return position < 0 || position > status.st_size ? 0 : status.st_size - position;
}

class ImportCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "import"; }
  std::string summary() const override { return "Make a distro from an archive of its root file system"; }
  std::string usage() const override { return "import NAME [DIR] FILE|- [OPTIONS]"; }
  std::string details() const override {
    return "FILE is a tar, plain or compressed, a container image as docker save or skopeo write it, or a disk image "
           "with\n"
           "an ext4 file system (raw, qcow2, VHD, VHDX); - reads it from standard input. DIR is a folder, absent or "
           "empty,\n"
           "for the distro's files; without it wslm keeps them with its own.";
  }

  absl::StatusOr<int> Run() override {
    if (words_.back() == "-" && isatty(STDIN_FILENO) != 0) {
      return absl::InvalidArgumentError("Standard input is a terminal; '-' wants an archive there.");
    }
    SignalFd signals({SIGINT});
    ASSIGN_OR_RETURN(v1::ImportDistroRequest request, MakeRequest());
    std::unique_ptr<Upload> upload;
    if (words_.back() == "-") {
      ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, client_.Channel());
      ASSIGN_OR_RETURN(upload, Upload::Begin(channel, NewUuid(), SizeOfInput()));
      request.set_upload_id(upload->id());
    }
    ASSIGN_OR_RETURN(const v1::ImportDistroResponse begun,
                     client_.Call(&v1::DistroService::Stub::ImportDistro, request));
    FollowOptions options;
    options.done = [](const v1::Operation& operation) {
      const v1::Distro& distro = operation.response().distro();
      return absl::StrCat("Imported ", Escaped(distro.name()), " (version ", VersionNumber(distro.version()), ")");
    };
    if (upload != nullptr) {
      upload->Send(STDIN_FILENO);
      options.on_interrupt = OnInterrupt::kCancelAndStay;
    }
    absl::StatusOr<int> code = OperationFollower(client_, console_, signals).Follow(begun.operation().id(), options);
    // What broke here is the cause of what the daemon reports.
    if (!code.ok() && upload != nullptr && !upload->read_status().ok()) return upload->read_status();
    return code;
  }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.Words("NAME [DIR] FILE", words_, 2, 3);
    arguments.Option("--version", "1|2", version_, "The runtime: 1 (host processes) or 2 (virtual machine)",
                     {"1", "2"});
    arguments.Option("--user", "NAME[:UID]", user_, "Make this user inside and log in as it");
    arguments.Flag("--isolated", isolated_, "Show it no host folders and run no host programs");
    size_.AddTo(arguments);
    limits_.AddTo(arguments);
    arguments.Option("--image", "NAME", image_, "Of several container images in FILE the one of this name or tag");
  }

 private:
  absl::StatusOr<v1::ImportDistroRequest> MakeRequest() const {
    v1::ImportDistroRequest request;
    request.set_name(words_.front());
    request.set_version(ParseVersion(version_));
    request.set_user(user_);
    request.set_isolated(isolated_);
    RETURN_IF_ERROR(limits_.SetOn(*request.mutable_limits()));
    ASSIGN_OR_RETURN(const int64_t size, size_.Bytes());
    request.set_disk_size(size);
    request.set_image(image_);
    request.set_request_id(NewUuid());
    request.set_requestor("wslm import");
    if (words_.size() == 3) {
      ASSIGN_OR_RETURN(*request.mutable_location(), AbsolutePath(words_[1]));
    }
    if (words_.back() != "-") {
      ASSIGN_OR_RETURN(*request.mutable_host_path(), AbsolutePath(words_.back()));
    }
    return request;
  }

  std::vector<std::string> words_;
  std::string version_;
  std::string user_;
  std::string image_;
  bool isolated_ = false;
  SizeOption size_;
  LimitOptions limits_;
};

}  // namespace

std::unique_ptr<Command> MakeImportCommand(Client& client, Console& console) {
  return std::make_unique<ImportCommand>(client, console);
}

}  // namespace wslm::cli
