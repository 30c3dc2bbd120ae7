#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/commands/host_path.h"
#include "cli/commands/size_option.h"
#include "cli/operations/operation_follower.h"
#include "cli/output/units.h"
#include "distros/host/error.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/distro_service.grpc.pb.h"

namespace wslm::cli {
namespace {

class CloneCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "clone"; }
  std::string summary() const override { return "Make a distro with the content of another"; }
  std::string usage() const override { return "clone NAME NEW [DIR] [--version 1|2] [--size SIZE] [--terminate]"; }
  std::string details() const override {
    return "NEW is like NAME, but for what the options say. DIR is a folder, absent or empty, for its files. What was "
           "copied\n"
           "is read back before NEW is there.";
  }

  absl::StatusOr<int> Run() override {
    SignalFd signals({SIGINT});
    v1::CloneDistroRequest request;
    request.set_distro(words_[0]);
    request.set_name(words_[1]);
    if (words_.size() == 3) {
      ASSIGN_OR_RETURN(*request.mutable_location(), AbsolutePath(words_[2]));
    }
    request.set_version(ParseVersion(version_));
    ASSIGN_OR_RETURN(const int64_t size, size_.Bytes());
    request.set_disk_size(size);
    request.set_terminate(terminate_);
    request.set_request_id(NewUuid());
    request.set_requestor("wslm clone");
    ASSIGN_OR_RETURN(const v1::CloneDistroResponse begun, client_.Call(&v1::DistroService::Stub::CloneDistro, request));
    FollowOptions options;
    options.done = [](const v1::Operation& operation) {
      const v1::Distro& distro = operation.response().distro();
      return absl::StrCat("Cloned ", Escaped(operation.distros(0).name()), " to ", Escaped(distro.name()), " (version ",
                          VersionNumber(distro.version()), ")");
    };
    return OperationFollower(client_, console_, signals).Follow(begun.operation().id(), options);
  }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.Words("NAME NEW [DIR]", words_, 2, 3);
    arguments.Option("--version", "1|2", version_, "The new one's runtime, where it shall be another", {"1", "2"});
    size_.AddTo(arguments);
    arguments.Flag("--terminate", terminate_, "End the distro's sessions instead of refusing");
  }

 private:
  std::vector<std::string> words_;
  std::string version_;
  SizeOption size_;
  bool terminate_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeCloneCommand(Client& client, Console& console) {
  return std::make_unique<CloneCommand>(client, console);
}

}  // namespace wslm::cli
