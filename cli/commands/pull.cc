#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/commands/host_path.h"
#include "cli/commands/limit_options.h"
#include "cli/commands/registry_options.h"
#include "cli/commands/size_option.h"
#include "cli/operations/operation_follower.h"
#include "cli/output/units.h"
#include "distros/host/error.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/distro_service.grpc.pb.h"

namespace wslm::cli {
namespace {

class PullCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "pull"; }
  std::string summary() const override { return "Make a distro from a container image of a registry"; }
  std::string usage() const override { return "pull NAME [DIR] IMAGE [OPTIONS]"; }
  std::string details() const override {
    return "IMAGE is what docker pull takes: debian:12, ghcr.io/owner/name@sha256:… DIR is a folder, absent or empty, "
           "for\n"
           "the distro's files.";
  }

  absl::StatusOr<int> Run() override {
    SignalFd signals({SIGINT});
    v1::PullDistroRequest request;
    request.set_name(words_.front());
    request.set_image(words_.back());
    request.set_version(ParseVersion(version_));
    request.set_platform(platform_);
    request.set_user(user_);
    request.set_isolated(isolated_);
    RETURN_IF_ERROR(limits_.SetOn(*request.mutable_limits()));
    ASSIGN_OR_RETURN(const int64_t size, size_.Bytes());
    request.set_disk_size(size);
    request.set_request_id(NewUuid());
    request.set_requestor("wslm pull");
    if (words_.size() == 3) {
      ASSIGN_OR_RETURN(*request.mutable_location(), AbsolutePath(words_[1]));
    }
    ASSIGN_OR_RETURN(*request.mutable_access(), registry_.Access());
    ASSIGN_OR_RETURN(const v1::PullDistroResponse begun, client_.Call(&v1::DistroService::Stub::PullDistro, request));
    FollowOptions options;
    options.done = [](const v1::Operation& operation) {
      const v1::Distro& distro = operation.response().distro();
      return absl::StrCat("Pulled ", Escaped(distro.name()), " (version ", VersionNumber(distro.version()), ")");
    };
    return OperationFollower(client_, console_, signals).Follow(begun.operation().id(), options);
  }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.Words("NAME [DIR] IMAGE", words_, 2, 3);
    arguments.Option("--version", "1|2", version_, "The runtime: 1 (host processes) or 2 (virtual machine)",
                     {"1", "2"});
    arguments.Option("--user", "NAME[:UID]", user_, "Make this user inside and log in as it");
    arguments.Flag("--isolated", isolated_, "Show it no host folders and run no host programs");
    arguments.Option("--platform", "OS/ARCH", platform_, "Of an image for several machines the one for this");
    size_.AddTo(arguments);
    limits_.AddTo(arguments);
    registry_.AddTo(arguments);
  }

 private:
  std::vector<std::string> words_;
  std::string version_;
  std::string user_;
  std::string platform_;
  bool isolated_ = false;
  SizeOption size_;
  LimitOptions limits_;
  RegistryOptions registry_;
};

}  // namespace

std::unique_ptr<Command> MakePullCommand(Client& client, Console& console) {
  return std::make_unique<PullCommand>(client, console);
}

}  // namespace wslm::cli
