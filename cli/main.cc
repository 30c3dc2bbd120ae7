// wslm: builds what the commands need and runs the command line.
#include <fcntl.h>
#include <grpc/support/log.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "cli/api/address.h"
#include "cli/api/client.h"
#include "cli/api/daemon_launcher.h"
#include "cli/command_table.h"
#include "cli/exit_codes.h"
#include "cli/grammar.h"
#include "cli/legacy_spellings.h"
#include "cli/output/console.h"
#include "cli/run_command_line.h"
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
