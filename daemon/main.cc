// wslmd: serves this user's distros over gRPC on a Unix socket.
#include <grpc/grpc.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/daemon.h"
#include "daemon/host_description.h"
#include "daemon/log.h"
#include "daemon/options.h"
#include "daemon/process.h"
#include "daemon/server/acceptor.h"
#include "daemon/server/listener.h"
#include "distros/config/user_config.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/home.h"
#include "distros/host/status_macros.h"
#include "runtime-v1/launcher/runtime_v1.h"
#include "runtime-v2/host/runtime_v2.h"

namespace wslm::daemon {
namespace {

// For a daemon that is ending, which may have to roll back.
constexpr absl::Duration kMaxWait = absl::Seconds(60);

void WaitFor(const UniqueFd& event) {
  pollfd polled = {event.get(), POLLIN, 0};
  while (::poll(&polled, 1, -1) < 0 && errno == EINTR) {
  }
}

// What it says wrongly, and what this host can't give, is in the log.
UserConfig ReadConfig(const Home& home, Log& log) {
  const std::string path = absl::StrCat(home.config, "/wslm.conf");
  const auto text = ReadSmallFile(path);
  if (!text.ok() && !absl::IsNotFound(text.status())) log.Warning(std::string(text.status().message()));
  UserConfig config = ReadUserConfig(text.ok() ? *text : "", path);
  for (const std::string& warning : config.warnings) log.Warning(Escaped(warning));
  return config;
}

VmSettings VmSettingsOf(const UserConfig& config, Log& log) {
  std::vector<std::string> warnings;
  VmSettings settings = ChooseVmSettings(config, warnings);
  for (const std::string& warning : warnings) log.Warning(warning);
  return settings;
}

absl::Status ServeUntilStopped(const Home& home, const Listener& listener, const UniqueFd& stop, Log& log,
                               const std::string& log_path) {
  // For good: when its last object goes, gRPC waits for a thread of its own that may sit in a poll of 10 s.
  grpc_init();
  const auto runtime_v1 = MakeRuntimeV1(home);
  const UserConfig config = ReadConfig(home, log);
  const auto runtime_v2 = MakeRuntimeV2(home, VmSettingsOf(config, log));
  const Runtimes runtimes = {
      *runtime_v1, *runtime_v2, *runtime_v2,
      [&](const auto& name_of, v1::GetInfoResponse& info) { DescribeHost(*runtime_v2, name_of, info); },
      [&](const std::string& id) { return FilesSocketV1(home, id); }};
  ASSIGN_OR_RETURN(const auto daemon,
                   Daemon::Start(home, {listener.path, log_path, config, RequestStop}, runtimes, log));
  {
    Acceptor acceptor(listener.fd.get(), ::getuid(), log,
                      [&](UniqueFd connection) { daemon->Serve(std::move(connection)); });
    log.Info(absl::StrCat("wslmd ", WSLM_VERSION, " (process ", ::getpid(), ") listens on ", listener.path,
                          listener.activated ? ", which systemd made" : ""));
    WaitFor(stop);
    log.Info("wslmd was asked to end; distros and sessions go on");
    // A client that comes now finds no socket and starts the next daemon, which waits for the lock of this one in vain
    // and is started again; one that was activated by systemd waits in the socket's queue.
    RemoveSocketFile(listener);
  }
  if (!daemon->Stop()) {
    log.Warning("wslmd ends in the middle of something; the next one makes it good");
    std::fflush(nullptr);
    ::_exit(0);
  }
  return absl::OkStatus();
}

absl::Status Run(const Options& options) {
  RETURN_IF_ERROR(DetachFromStarter());
  ASSIGN_OR_RETURN(const UniqueFd stop, CatchStopSignals());
  ASSIGN_OR_RETURN(const Home home, Home::FromEnvironment());
  RETURN_IF_ERROR(home.Create());
  auto activated = TakeActivatedSockets();
  // Whoever asks an activated socket asks this process.
  const std::string other = activated.empty() ? home.DaemonSocket() : "";
  ASSIGN_OR_RETURN(const auto lock, LockDaemon(home.run + "/wslmd.lock", other, kMaxWait));
  if (!lock) {
    std::fprintf(stderr, "wslmd: another wslmd of this user runs already\n");
    return absl::OkStatus();
  }
  const std::string log_path = home.state + "/wslmd.log";
  ASSIGN_OR_RETURN(const auto log, OpenLog(log_path, options.foreground));
  ASSIGN_OR_RETURN(const Listener listener, Listen(home.DaemonSocket(), std::move(activated)));
  const absl::Status status = ServeUntilStopped(home, listener, stop, *log, log_path);
  if (!status.ok()) {
    RemoveSocketFile(listener);
    log->Error(std::string(status.message()));
  }
  log->Info("wslmd ends");
  return status;
}

}  // namespace
}  // namespace wslm::daemon

int main(int argc, char** argv) {
  const auto options = wslm::daemon::ParseOptions(argc, argv);
  if (!options.ok()) {
    std::fprintf(stderr, "wslmd: %s\n", std::string(options.status().message()).c_str());
    return 2;
  }
  if (options->help) return std::fputs(wslm::daemon::kHelp, stdout) < 0;
  if (options->version) return std::puts("wslmd " WSLM_VERSION) < 0;
  if (const absl::Status status = wslm::daemon::Run(*options); !status.ok()) {
    std::fprintf(stderr, "wslmd: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  return 0;
}
