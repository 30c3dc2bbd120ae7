// PID 1 of a distro: reaps, serves the host's requests, and ends everything when asked to.
#ifndef WSLM_RUNTIME_V1_INIT_INIT_H_
#define WSLM_RUNTIME_V1_INIT_INIT_H_

#include <memory>

#include "distros/host/event_loop.h"
#include "runtime-v1/init/file_service.h"
#include "runtime-v1/init/host_connection.h"
#include "runtime-v1/init/session_table.h"
#include "runtime-v1/init/shutdown.h"

namespace wslm::init {

class Init {
 public:
  // `signals` is a signalfd for SIGCHLD and SIGTERM.
  Init(proto::InstanceConfig config, UniqueFd signals);

  // One of them: accepts connections, of which the newest counts; or serves this one, whose end is the distro's end.
  void ServeListener(UniqueFd listener);
  void ServeChannel(UniqueFd channel);
  // And the distro's files to whoever connects to this one.
  void ServeFiles(UniqueFd listener) { files_.Serve(std::move(listener)); }
  // Until the distro has ended.
  void Run();

 private:
  std::shared_ptr<StreamHandler> OnOpen(const proto::OpenRequest& request, const std::shared_ptr<HostStream>& stream);
  void OnSignal();
  void OnConnection();
  void OnConnectionClosed();

  const proto::InstanceConfig config_;
  const UniqueFd signals_;
  UniqueFd listener_;
  EventLoop loop_;
  SessionTable sessions_;
  FileService files_;
  Shutdown shutdown_;
  HostConnection connection_;
};

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_INIT_H_
