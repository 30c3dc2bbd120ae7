#include "cli/commands/run.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>

#include "absl/strings/str_cat.h"
#include "cli/commands/host_path.h"
#include "cli/exit_codes.h"
#include "cli/output/text.h"
#include "cli/session/session_client.h"
#include "cli/session/session_stream.h"
#include "cli/terminal/signal_fd.h"
#include "cli/terminal/terminal.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/distro_service.grpc.pb.h"
#include "wslm/v1/session.grpc.pb.h"

namespace wslm::cli {
namespace {

v1::ShellMode ToShellMode(RunShell shell) {
  switch (shell) {
    case RunShell::kLogin:
      return v1::SHELL_MODE_LOGIN;
    case RunShell::kNone:
      return v1::SHELL_MODE_NONE;
    default:
      return v1::SHELL_MODE_COMMAND;
  }
}

std::string EnvironmentValue(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// A folder of the host's that was asked for by name, unlike the caller's own, must be there.
absl::StatusOr<std::string> HostFolder(const std::string& folder) {
  ASSIGN_OR_RETURN(const std::string path, AbsolutePath(folder));
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return ErrnoError("cannot enter", path);
  if (!S_ISDIR(status.st_mode)) return ErrnoError("cannot enter", path, ENOTDIR);
  return path;
}

}  // namespace

std::string RunCommand::details() const {
  return "One word goes to the user's shell as it is; several reach the program as exactly those arguments. The\n"
         "exit code is the command's, 128+N when signal N ended it, 127 when it was not found, 126 when it can't be\n"
         "executed, 125 when wslm itself failed.";
}

// For the help only: ParseRunOptions reads them, because the guest's options must be left alone.
void RunCommand::AddArguments(Arguments& arguments) {
  arguments.DescribeOption("-d", "NAME", "The distro, by name or id; the default one without it");
  arguments.DescribeOption("-u", "USER", "The user inside, by name or number");
  arguments.DescribeOption("--cd", "DIR", "The folder: inside with / or ~ in front, else one of the host's");
  arguments.DescribeFlag("-e", "Run the program without a shell");
  arguments.DescribeOption("--shell-type", "TYPE", "How to run it: standard, login or none (as -e)");
  arguments.DescribeOption("-E", "NAME=VALUE", "Set a variable in the command's environment");
  arguments.DescribeFlag("--tty", "Give the command a terminal on all of its streams");
  arguments.DescribeFlag("--no-tty", "Give it none");
  arguments.DescribeFlag("--detach", "Leave it running and print its session's id");
}

int RunCommand::usage_error_code() const { return kExitOwnFailure; }
int RunCommand::failure_code() const { return kExitOwnFailure; }

absl::Status RunCommand::Parse(const std::vector<std::string>& words) {
  ASSIGN_OR_RETURN(options_, ParseRunOptions(form_, words));
  help_wanted_ = options_.help;
  return absl::OkStatus();
}

absl::StatusOr<v1::Start> RunCommand::MakeStart() const {
  v1::Start start;
  start.set_distro(options_.distro);
  start.set_user(options_.user);
  for (const std::string& word : options_.command) start.add_argv(word);
  start.set_shell(ToShellMode(options_.shell));
  if (options_.folder.starts_with("/") || options_.folder.starts_with("~")) {
    start.set_folder(options_.folder);
  } else if (!options_.folder.empty()) {
    ASSIGN_OR_RETURN(*start.mutable_host_folder(), HostFolder(options_.folder));
  } else if (const absl::StatusOr<std::string> folder = CurrentFolder(); folder.ok() && IsUtf8(*folder)) {
    start.set_host_folder(*folder);
  } else {
    console_.Warn(absl::StrCat("the present folder ",
                               folder.ok()                         ? "has a name that is not UTF-8"
                               : absl::IsNotFound(folder.status()) ? "no longer exists"
                                                                   : "has no name that can be found out",
                               ": starting in the home folder."));
  }
  for (const auto& [name, value] : options_.environment) {
    v1::EnvironmentVariable& variable = *start.add_environment();
    variable.set_name(name);
    variable.set_value(value);
  }
  start.set_detached(options_.detach);
  if (options_.detach) return start;
  start.set_wants_hints(console_.err_is_terminal());
  start.set_stdin_terminal(options_.terminal.value_or(isatty(STDIN_FILENO) != 0));
  start.set_stdout_terminal(options_.terminal.value_or(isatty(STDOUT_FILENO) != 0));
  start.set_stderr_terminal(options_.terminal.value_or(isatty(STDERR_FILENO) != 0));
  if (start.stdin_terminal() || start.stdout_terminal() || start.stderr_terminal()) {
    *start.mutable_terminal_size() = SizeOfTerminal({STDOUT_FILENO, STDIN_FILENO, STDERR_FILENO});
    const std::string term = EnvironmentValue("TERM");
    if (IsUtf8(term)) start.set_term(term);
  }
  return start;
}

absl::StatusOr<int> RunCommand::Run() {
  ASSIGN_OR_RETURN(const v1::Start start, MakeStart());
  absl::StatusOr<int> code = options_.detach ? RunDetached(start) : RunAttached(start);
  if (ReasonOf(code.status()) == reason::kNoDefaultDistro) {
    Suggest();
    return Error(absl::StatusCode::kNotFound, reason::kNoDefaultDistro,
                 "There are no distros yet. 'wslm import NAME FILE' makes one from an archive of a root file system.");
  }
  if (code.ok() && *code == kExitNotFound) Suggest();
  return code;
}

absl::StatusOr<int> RunCommand::RunAttached(const v1::Start& start) {
  const bool has_terminal = start.stdin_terminal() || start.stdout_terminal() || start.stderr_terminal();
  // Without a terminal of the session's a stop is this process's own affair.
  SignalFd signals({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGCONT, has_terminal ? SIGTSTP : SIGINT});
  // A reader that went away is an error of a write, so that the command hears of it.
  signal(SIGPIPE, SIG_IGN);
  const absl::Status connected = client_.Channel().status();
  if (absl::IsCancelled(connected)) {
    // Given up because of a signal, which waits to be read; nothing failed.
    if (const std::optional<int> signal = signals.Next()) return kExitSignalBase + *signal;
  }
  RETURN_IF_ERROR(connected);
  WarnRoot();
  const std::string shown = start.distro().empty() ? client_.info().default_distro().name() : start.distro();
  SessionClient session(client_, console_, signals, {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO},
                        shown.empty() ? "the distro" : shown);
  return session.Run(start);
}

absl::StatusOr<int> RunCommand::RunDetached(const v1::Start& start) {
  ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, client_.Channel());
  WarnRoot();
  const std::shared_ptr<SessionStream> stream = OpenExec(channel, start);
  stream->WriteEof();
  SessionOutput output;
  RETURN_IF_ERROR(FromRpc(ReadFirst(*stream, SessionOutput::Kind::kStarted, output)));
  for (const std::string& warning : output.started.warnings()) console_.Warn(Escaped(warning));
  v1::DetachSessionRequest request;
  request.set_session_id(output.started.session_id());
  const auto detached = client_.Call(&v1::SessionService::Stub::DetachSession, request);
  stream->Cancel();
  stream->Finish();
  // One that has ended by now needs no detaching.
  if (!detached.ok() && ReasonOf(detached.status()) != reason::kSessionNotFound) return detached.status();
  console_.Out(absl::StrCat(Escaped(output.started.session_id()), "\n"));
  return kExitOk;
}

void RunCommand::WarnRoot() {
  if (geteuid() != 0 || EnvironmentValue("WSLM_NO_ROOT_WARNING") == "1") return;
  v1::GetDistroRequest request;
  request.set_distro(options_.distro);
  const auto response = client_.Call(&v1::DistroService::Stub::GetDistro, request);
  if (!response.ok() || response->distro().version() != v1::DISTRO_VERSION_1) return;
  console_.Warn(absl::StrCat("you are root, and programs in ", Escaped(response->distro().name()),
                             " (version 1) have root's rights on this host. WSLM_NO_ROOT_WARNING=1 silences this."));
}

void RunCommand::Suggest() {
  if (!suggestion_.empty()) console_.Note(absl::StrCat("wslm: did you mean `wslm ", suggestion_, "`?"));
}

}  // namespace wslm::cli
