#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/commands/host_path.h"
#include "cli/exit_codes.h"
#include "cli/operations/operation_follower.h"
#include "cli/output/json.h"
#include "cli/output/text.h"
#include "distros/host/error.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/distro_service.grpc.pb.h"

namespace wslm::cli {
namespace {

// As diff(1).
constexpr int kExitDifferent = 1;
constexpr int kExitTrouble = 2;

std::string Shown(const std::string& value) { return value.empty() ? "none" : value; }

std::string LineOf(const v1::Difference& difference) {
  const std::string path = difference.path().empty() ? "/" : difference.path();
  switch (difference.kind()) {
    case v1::DIFFERENCE_KIND_ONLY_IN_FIRST:
      return absl::StrCat("- ", path, "\n");
    case v1::DIFFERENCE_KIND_ONLY_IN_SECOND:
      return absl::StrCat("+ ", path, "\n");
    default:
      break;
  }
  std::string line = absl::StrCat("~ ", path, ":");
  for (const v1::AttributeDifference& attribute : difference.attributes()) {
    absl::StrAppend(&line, &attribute == &difference.attributes(0) ? " " : ", ", attribute.attribute());
    // Two hashes say no more than that they differ.
    if (attribute.attribute() == "content") continue;
    absl::StrAppend(&line, " ", Shown(attribute.first()), " -> ", Shown(attribute.second()));
  }
  return line + "\n";
}

class CompareCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "compare"; }
  std::string summary() const override { return "Tell how two distros or archives differ"; }
  std::string usage() const override { return "compare A B [--json] [--terminate]"; }
  std::string details() const override {
    return "A and B are distros' names, or files when there is a slash in them. Lines begin with - for what is in A "
           "only,\n"
           "+ for what is in B only and ~ for what differs. The exit code is 0 when they are the same, 1 when they\n"
           "differ, 2 after an error.";
  }
  int failure_code() const override { return kExitTrouble; }

  absl::StatusOr<int> Run() override {
    SignalFd signals({SIGINT});
    v1::CompareTreesRequest request;
    RETURN_IF_ERROR(SetTree(first_, *request.mutable_first()));
    RETURN_IF_ERROR(SetTree(second_, *request.mutable_second()));
    request.set_terminate(terminate_);
    request.set_request_id(NewUuid());
    request.set_requestor("wslm compare");
    const absl::StatusOr<v1::CompareTreesResponse> begun =
        client_.Call(&v1::DistroService::Stub::CompareTrees, request);
    if (!begun.ok()) return WithHint(begun.status());
    v1::CompareResult result;
    FollowOptions options;
    options.done = [&](const v1::Operation& operation) {
      result = operation.response().compare();
      return result.count() == 0 ? std::string("Compared: they are the same")
                                 : absl::StrCat("Compared: ", Counted(result.count(), "difference"));
    };
    ASSIGN_OR_RETURN(const int code,
                     OperationFollower(client_, console_, signals).Follow(begun->operation().id(), options));
    if (code != kExitOk) return code;
    if (json_) {
      console_.Out(JsonDocument(result));
    } else {
      for (const v1::Difference& difference : result.differences()) console_.Out(LineOf(difference));
      if (result.count() > result.differences_size()) {
        console_.Note(absl::StrCat("and ", result.count() - result.differences_size(), " more"));
      }
    }
    return result.count() == 0 ? kExitOk : kExitDifferent;
  }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.Word("A", first_);
    arguments.Word("B", second_);
    arguments.Flag("--json", json_, "As JSON");
    arguments.Flag("--terminate", terminate_, "End the distros' sessions instead of refusing");
  }

 private:
  static bool IsPath(const std::string& word) { return word.find('/') != std::string::npos; }

  static absl::Status SetTree(const std::string& word, v1::Tree& tree) {
    if (!IsPath(word)) {
      tree.set_distro(word);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(*tree.mutable_host_path(), AbsolutePath(word));
    return absl::OkStatus();
  }

  // Of a file that was taken for a distro's name.
  absl::Status WithHint(const absl::Status& status) const {
    if (ReasonOf(status) != reason::kDistroNotFound) return status;
    for (const std::string& word : {first_, second_}) {
      if (IsPath(word) || access(word.c_str(), F_OK) != 0) continue;
      return Error(status.code(), ReasonOf(status),
                   absl::StrCat(status.message(), " For the file write './", Escaped(word), "'."), MetadataOf(status));
    }
    return status;
  }

  std::string first_;
  std::string second_;
  bool json_ = false;
  bool terminate_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeCompareCommand(Client& client, Console& console) {
  return std::make_unique<CompareCommand>(client, console);
}

}  // namespace wslm::cli
