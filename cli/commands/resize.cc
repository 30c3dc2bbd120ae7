#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/exit_codes.h"
#include "cli/operations/operation_follower.h"
#include "cli/output/units.h"
#include "distros/host/error.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/distro_service.grpc.pb.h"

namespace wslm::cli {
namespace {

class ResizeCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "resize"; }
  std::string summary() const override { return "Show or change how large a distro's disk may grow"; }
  std::string usage() const override { return "resize NAME [SIZE] [--terminate]"; }
  std::string details() const override {
    return "For distros of version 2. SIZE is a number with M, G or T behind it, as 64G; it may be smaller than before "
           "as "
           "long\n"
           "as the content fits. The disk takes the host's room only as it is filled, and 'wslm trim' gives back what "
           "is "
           "free\n"
           "again. Without SIZE the present size is shown.";
  }

  absl::StatusOr<int> Run() override { return size_.empty() ? Show() : Resize(); }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.Word("NAME", name_);
    arguments.OptionalWord("SIZE", size_);
    arguments.Flag("--terminate", terminate_, "End the distro's sessions instead of refusing");
  }

 private:
  absl::StatusOr<int> Show() {
    v1::GetDistroRequest request;
    request.set_distro(name_);
    ASSIGN_OR_RETURN(const v1::GetDistroResponse got, client_.Call(&v1::DistroService::Stub::GetDistro, request));
    const v1::Distro& distro = got.distro();
    const std::string name = Escaped(distro.name());
    if (distro.disk_size() == 0) {
      console_.Note(absl::StrCat("'", name, "' has no disk that could be resized."));
      return kExitFailed;
    }
    console_.Out(absl::StrCat(ShowBytes(distro.disk_size()), ", of which ", ShowBytes(distro.disk_used()),
                              " are taken on the host\n"));
    return kExitOk;
  }

  absl::StatusOr<int> Resize() {
    SignalFd signals({SIGINT});
    v1::ResizeDistroRequest request;
    request.set_distro(name_);
    ASSIGN_OR_RETURN(const int64_t size, ParseBytes(size_));
    request.set_disk_size(size);
    request.set_terminate(terminate_);
    request.set_request_id(NewUuid());
    request.set_requestor("wslm resize");
    ASSIGN_OR_RETURN(const v1::ResizeDistroResponse begun,
                     client_.Call(&v1::DistroService::Stub::ResizeDistro, request));
    FollowOptions options;
    options.done = [](const v1::Operation& operation) {
      const v1::Distro& distro = operation.response().distro();
      return absl::StrCat("Resized ", Escaped(distro.name()), " to ", ShowBytes(distro.disk_size()));
    };
    return OperationFollower(client_, console_, signals).Follow(begun.operation().id(), options);
  }

  std::string name_;
  std::string size_;
  bool terminate_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeResizeCommand(Client& client, Console& console) {
  return std::make_unique<ResizeCommand>(client, console);
}

}  // namespace wslm::cli
