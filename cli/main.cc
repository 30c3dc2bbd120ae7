// wslm: builds what the commands need, finds the command, runs it.
#include <fcntl.h>
#include <grpc/support/log.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/api/address.h"
#include "cli/api/client.h"
#include "cli/api/daemon_launcher.h"
#include "cli/command_table.h"
#include "cli/commands/help.h"
#include "cli/commands/run.h"
#include "cli/exit_codes.h"
#include "cli/grammar.h"
#include "cli/legacy_spellings.h"
#include "cli/output/console.h"
#include "distros/host/error.h"
#include "distros/host/home.h"

namespace wslm::cli {
namespace {

std::string EnvironmentValue(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// A closed standard stream would be taken by the next descriptor opened, a socket perhaps. Before gRPC's own static
// initialization, which opens some.
[[gnu::constructor(101)]] void FillStandardStreams() {
  int fd = 0;
  do {
    fd = open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) close(fd);
}

int ExitCodeOf(const absl::Status& status, const Command& command) {
  const std::string why = ReasonOf(status);
  // A status of the command's own, without a reason of the API's.
  if (why.empty() && absl::IsInvalidArgument(status)) return command.usage_error_code();
  const bool cancelled = why.empty() ? absl::IsCancelled(status) : why == reason::kCancelled;
  return cancelled ? kExitCancelled : command.failure_code();
}

// `environment` is what is wrong with the variables that say where things are; help needs none of them.
int RunCommandLine(const CommandLine& line, const Commands& commands, const absl::Status& environment,
                   Console& console) {
  Command* command = FindCommand(commands, line.command);
  if (command == nullptr) {
    console.Note(absl::StrCat("wslm: '", line.command, "' wants one of these after it:"));
    console.Note(CommandLines(commands, absl::StrCat(line.command, " ")));
    return kExitUsage;
  }
  if (line.short_run) {
    auto& run = static_cast<RunCommand&>(*command);
    run.set_form(RunForm::kShort);
    if (line.bare) run.set_suggestion(CloseCommand(line.words[0], NamesOf(commands)));
  }
  if (const absl::Status status = command->Parse(line.words); !status.ok()) {
    console.Report(status);
    return command->usage_error_code();
  }
  if (command->help_wanted()) {
    console.Out(command->Help());
    return kExitOk;
  }
  if (!environment.ok()) {
    console.Report(environment);
    return command->failure_code();
  }
  const absl::StatusOr<int> code = command->Run();
  if (code.ok()) return *code;
  console.Report(code.status());
  return ExitCodeOf(code.status(), *command);
}

int Main(int argc, char** argv) {
  // gRPC logs what we report ourselves.
  if (std::getenv("GRPC_VERBOSITY") == nullptr) gpr_set_log_function([](gpr_log_func_args*) {});
  Console console(STDOUT_FILENO, STDERR_FILENO);
  const std::vector<std::string> words = RewriteLegacySpellings(
      std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc), EnvironmentValue("HOME"));

  const absl::StatusOr<Home> found_home = Home::FromEnvironment();
  const std::string host = EnvironmentValue("WSLM_HOST");
  const absl::StatusOr<std::string> found_socket = host.empty() ? std::string() : SocketPathOfHost(host);
  absl::Status environment = found_home.status();
  environment.Update(found_socket.status());
  const Home home = found_home.value_or(Home());
  const std::string socket = found_socket.value_or("");
  Client client(socket, DaemonLauncher(home, ProgramPath("wslmd")));
  const Commands commands = MakeCommands({
      .client = client,
      .console = console,
      .socket_path = socket.empty() ? home.DaemonSocket() : socket,
  });
  const int code = RunCommandLine(ReadCommandLine(words, NamesOf(commands)), commands, environment, console);
  if (const absl::Status status = console.out_status(); !status.ok()) {
    console.Report(status);
    return code == kExitOk ? kExitFailed : code;
  }
  return code;
}

}  // namespace
}  // namespace wslm::cli

int main(int argc, char** argv) {
  // Without the destructors: a thread may still sit in a read of the caller's terminal.
  _exit(wslm::cli::Main(argc, argv));
}
