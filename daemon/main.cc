// wslmd: serves this user's distros over gRPC on a Unix socket.
#include <poll.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/events/event_bus.h"
#include "daemon/log.h"
#include "daemon/options.h"
#include "daemon/process.h"
#include "daemon/random_id.h"
#include "daemon/server/acceptor.h"
#include "daemon/server/grpc_server.h"
#include "daemon/server/listener.h"
#include "daemon/services/event_service.h"
#include "daemon/services/system_service.h"
#include "distros/host/home.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {
namespace {

absl::Status Run(const Options& options) {
  const absl::Time start_time = absl::Now();
  RETURN_IF_ERROR(DetachFromStarter());
  ASSIGN_OR_RETURN(const UniqueFd stop, CatchStopSignals());
  ASSIGN_OR_RETURN(const Home home, Home::FromEnvironment());
  RETURN_IF_ERROR(home.Create());
  ASSIGN_OR_RETURN(const auto lock, LockDaemon(home.run + "/wslmd.lock"));
  if (!lock) {
    std::fprintf(stderr, "wslmd: another wslmd of this user runs already\n");
    return absl::OkStatus();
  }
  const std::string log_path = home.state + "/wslmd.log";
  ASSIGN_OR_RETURN(const auto log, OpenLog(log_path, options.foreground));
  ASSIGN_OR_RETURN(const Listener listener, Listen(home.DaemonSocket(), TakeActivatedSockets()));

  Workers workers;
  EventBus events(RandomHex(8));
  EventService event_service(events);
  SystemService system_service({events.boot_id(), listener.path, home.data, log_path, start_time}, workers,
                               RequestStop);
  GrpcServer server({&system_service, &event_service});
  {
    Acceptor acceptor(listener.fd.get(), ::getuid(), *log,
                      [&](UniqueFd connection) { server.Serve(std::move(connection)); });
    log->Info(absl::StrCat("wslmd ", WSLM_VERSION, " (process ", ::getpid(), ") listens on ", listener.path));
    pollfd polled = {stop.get(), POLLIN, 0};
    while (::poll(&polled, 1, -1) < 0 && errno == EINTR) {
    }
  }
  RemoveSocketFile(listener);
  server.Shutdown(absl::Seconds(1));
  log->Info("wslmd ends");
  return absl::OkStatus();
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
