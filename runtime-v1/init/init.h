// PID 1 of a distro, or where systemd is that, the child of it that stands for us (systemd.h): reaps, serves the host's
// requests, and ends everything when asked to.
#ifndef WSLM_RUNTIME_V1_INIT_INIT_H_
#define WSLM_RUNTIME_V1_INIT_INIT_H_

#include <chrono>
#include <memory>

#include "distros/host/event_loop.h"
#include "runtime-v1/init/file_service.h"
#include "runtime-v1/init/host_connection.h"
#include "runtime-v1/init/session_table.h"
#include "runtime-v1/init/shutdown.h"
#include "runtime-v1/init/systemd.h"

namespace wslm::init {

class Init {
 public:
  // `signals` is a signalfd for SIGCHLD and SIGTERM, `systemd` where systemd, if it is the first process, is heard of.
  Init(proto::InstanceConfig config, UniqueFd signals, UniqueFd systemd);

  // One of them: accepts connections, of which the newest counts; or serves this one, whose end is the distro's end.
  void ServeListener(UniqueFd listener);
  void ServeChannel(UniqueFd channel);
  // And the distro's files to whoever connects to this one.
  void ServeFiles(UniqueFd listener) { files_.Serve(std::move(listener)); }
  // Until the distro has ended.
  void Run();

 private:
  std::shared_ptr<StreamHandler> OnOpen(const proto::OpenRequest& request, const std::shared_ptr<HostStream>& stream);
  std::shared_ptr<StreamHandler> StartSession(const proto::SessionStart& request,
                                              const std::shared_ptr<HostStream>& stream);
  void Stop(std::chrono::milliseconds grace, const std::shared_ptr<HostStream>& stream);
  bool stopping() const { return systemd_ ? systemd_->stopping() : shutdown_.begun(); }
  void OnSignal();
  void OnConnection();
  void OnConnectionClosed();

  const proto::InstanceConfig config_;
  const UniqueFd signals_;
  UniqueFd listener_;
  EventLoop loop_;
  // None where this is the first process.
  std::unique_ptr<Systemd> systemd_;
  SessionTable sessions_;
  FileService files_;
  Shutdown shutdown_;
  // Who asked systemd to stop; there is no answer but the end.
  std::shared_ptr<HostStream> stopper_;
  HostConnection connection_;
};

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_INIT_H_
