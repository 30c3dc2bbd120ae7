#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/commands/size_option.h"
#include "cli/operations/operation_follower.h"
#include "cli/output/units.h"
#include "distros/host/error.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/distro_service.grpc.pb.h"

namespace wslm::cli {
namespace {

class SetVersionCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "set-version"; }
  std::string summary() const override { return "Move a distro to the other runtime"; }
  std::string usage() const override { return "set-version [NAME] 1|2 [--size SIZE] [--terminate]"; }
  std::string details() const override {
    return "1 runs it as host processes, 2 in the virtual machine. Without NAME the default distro is meant. The\n"
           "old form is kept until the new one is complete and verified.";
  }

  absl::StatusOr<int> Run() override {
    const v1::DistroVersion version = ParseVersion(words_.back());
    if (version == v1::DISTRO_VERSION_UNSPECIFIED) {
      return absl::InvalidArgumentError(absl::StrCat("The version is 1 or 2, not '", words_.back(), "'."));
    }
    SignalFd signals({SIGINT});
    v1::ConvertDistroRequest request;
    if (words_.size() == 2) request.set_distro(words_[0]);
    request.set_version(version);
    ASSIGN_OR_RETURN(const int64_t size, size_.Bytes());
    request.set_disk_size(size);
    request.set_terminate(terminate_);
    request.set_request_id(NewUuid());
    request.set_requestor("wslm set-version");
    ASSIGN_OR_RETURN(const v1::ConvertDistroResponse begun,
                     client_.Call(&v1::DistroService::Stub::ConvertDistro, request));
    FollowOptions options;
    options.done = [](const v1::Operation& operation) {
      const v1::Distro& distro = operation.response().distro();
      return absl::StrCat("Converted ", Escaped(distro.name()), " to version ", VersionNumber(distro.version()));
    };
    return OperationFollower(client_, console_, signals).Follow(begun.operation().id(), options);
  }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.Words("[NAME] VERSION", words_, 1, 2);
    size_.AddTo(arguments);
    arguments.Flag("--terminate", terminate_, "End the distro's sessions instead of refusing");
  }

 private:
  std::vector<std::string> words_;
  SizeOption size_;
  bool terminate_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeSetVersionCommand(Client& client, Console& console) {
  return std::make_unique<SetVersionCommand>(client, console);
}

}  // namespace wslm::cli
