#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli/api/daemon_process.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/exit_codes.h"
#include "cli/output/json.h"
#include "cli/output/units.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/system.grpc.pb.h"

namespace wslm::cli {
namespace {

// To take the request.
constexpr absl::Duration kAskTimeout = absl::Seconds(10);
// To end then: it rolls back what it was doing, which it gives up after 30 s.
constexpr absl::Duration kStopTimeout = absl::Seconds(45);
constexpr absl::Duration kAnnounceWait = absl::Seconds(1);
// To end after SIGTERM, which it may not even notice.
constexpr absl::Duration kTermTimeout = absl::Seconds(10);

std::string Describe(const v1::GetInfoResponse& info) {
  return absl::StrCat("wslmd ", Escaped(info.version()), " runs since ", ShowTime(info.start_time()), ", pid ",
                      info.pid(), ".");
}

class DaemonStartCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "daemon start"; }
  std::string summary() const override { return "Start the daemon unless it runs; every command does so itself"; }
  std::string usage() const override { return "daemon start"; }

  absl::StatusOr<int> Run() override {
    RETURN_IF_ERROR(client_.Channel().status());
    console_.Note(Describe(client_.info()));
    return kExitOk;
  }
};

class DaemonStopCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "daemon stop"; }
  std::string summary() const override { return "End the daemon; distros go on"; }
  std::string usage() const override { return "daemon stop"; }
  std::string details() const override {
    return "What it was doing is rolled back. A shell or command of a distro that is in front of somebody starts the\n"
           "next one. A daemon that does not answer is ended by SIGTERM, and by SIGKILL 10 s later.";
  }

  absl::StatusOr<int> Run() override {
    const absl::Status asked = Ask();
    if (absl::IsNotFound(asked)) {
      console_.Note("wslmd does not run.");
      return kExitOk;
    }
    if (absl::IsDeadlineExceeded(asked)) return EndByForce();
    RETURN_IF_ERROR(asked);
    const pid_t pid = client_.daemon_pid();
    if (!WaitForEnd(pid, kAnnounceWait)) {
      console_.Note("wslm: waiting for wslmd to end.");
      if (!WaitForEnd(pid, kStopTimeout)) return EndByForce();
    }
    console_.Note("wslmd has ended.");
    return kExitOk;
  }

 private:
  // OK: it ends. NOT_FOUND: there is none. DEADLINE_EXCEEDED: it does not answer.
  absl::Status Ask() {
    ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, client_.ChannelToRunning());
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kAskTimeout));
    v1::StopDaemonResponse response;
    const grpc::Status status =
        v1::SystemService::Stub(channel).StopDaemon(&context, v1::StopDaemonRequest(), &response);
    // It waits for the end of its connections, and an idle one does not hear that it is to end.
    client_.Reset(channel);
    return IsConnectionLost(status) ? absl::OkStatus() : FromRpc(status);
  }

  absl::StatusOr<int> EndByForce() {
    console_.Note(absl::StrCat("wslm: wslmd does not answer; ending its process, ", client_.daemon_pid(), "."));
    ASSIGN_OR_RETURN(const std::string done, EndUnresponsiveDaemon(client_.daemon_pid(), kTermTimeout));
    console_.Note(done);
    return kExitOk;
  }
};

class DaemonStatusCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "daemon status"; }
  std::string summary() const override { return "Show whether the daemon runs; the exit code is 1 if not"; }
  std::string usage() const override { return "daemon status [--json]"; }
  std::string details() const override { return "As JSON a daemon that does not run has the pid 0."; }

  absl::StatusOr<int> Run() override {
    const absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = client_.ChannelToRunning();
    if (absl::IsNotFound(channel.status())) {
      if (json_) console_.Out(JsonDocument(v1::GetInfoResponse()));
      console_.Note("wslmd does not run.");
      return kExitFailed;
    }
    RETURN_IF_ERROR(channel.status());
    console_.Out(json_ ? JsonDocument(client_.info()) : absl::StrCat(Describe(client_.info()), "\n"));
    return kExitOk;
  }

 protected:
  void AddArguments(Arguments& arguments) override { arguments.Flag("--json", json_, "As JSON"); }

 private:
  bool json_ = false;
};

class DaemonSocketCommand : public ClientCommand {
 public:
  DaemonSocketCommand(Client& client, Console& console, std::string socket_path)
      : ClientCommand(client, console), socket_path_(std::move(socket_path)) {}

  std::string name() const override { return "daemon socket"; }
  std::string summary() const override { return "Print the daemon's address for other clients; starts it if needed"; }
  std::string usage() const override { return "daemon socket"; }

  absl::StatusOr<int> Run() override {
    RETURN_IF_ERROR(client_.Channel().status());
    console_.Out(absl::StrCat("unix:", socket_path_, "\n"));
    return kExitOk;
  }

 private:
  const std::string socket_path_;
};

}  // namespace

std::unique_ptr<Command> MakeDaemonStartCommand(Client& client, Console& console) {
  return std::make_unique<DaemonStartCommand>(client, console);
}

std::unique_ptr<Command> MakeDaemonStopCommand(Client& client, Console& console) {
  return std::make_unique<DaemonStopCommand>(client, console);
}

std::unique_ptr<Command> MakeDaemonStatusCommand(Client& client, Console& console) {
  return std::make_unique<DaemonStatusCommand>(client, console);
}

std::unique_ptr<Command> MakeDaemonSocketCommand(Client& client, Console& console, std::string socket_path) {
  return std::make_unique<DaemonSocketCommand>(client, console, std::move(socket_path));
}

}  // namespace wslm::cli
