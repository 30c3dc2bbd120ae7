// wslm.v1.SystemService.
#ifndef WSLM_DAEMON_SERVICES_SYSTEM_SERVICE_H_
#define WSLM_DAEMON_SERVICES_SYSTEM_SERVICE_H_

#include <functional>
#include <string>

#include "absl/time/time.h"
#include "daemon/instances/instance_manager.h"
#include "daemon/operations/operation_manager.h"
#include "daemon/server/workers.h"
#include "distros/registry/registry.h"
#include "wslm/v1/system.grpc.pb.h"

namespace wslm::daemon {

// What stays as it is while a daemon runs.
struct DaemonFacts {
  std::string boot_id;
  std::string socket_path;
  std::string data_folder;
  std::string log_path;
  absl::Time start_time;
};

class SystemService final : public v1::SystemService::CallbackService {
 public:
  struct Host {
    // Adds what the host can do, and the VM's state, to the information.
    std::function<void(const std::function<std::string(const std::string& id)>& name_of, v1::GetInfoResponse&)>
        describe;
    // Makes the daemon end.
    std::function<void()> stop_daemon;
  };

  SystemService(DaemonFacts facts, Registry& registry, InstanceManager& instances, OperationManager& operations,
                Workers& workers, Host host)
      : facts_(std::move(facts)),
        registry_(registry),
        instances_(instances),
        operations_(operations),
        workers_(workers),
        host_(std::move(host)) {}

  grpc::ServerUnaryReactor* GetInfo(grpc::CallbackServerContext* context, const v1::GetInfoRequest* request,
                                    v1::GetInfoResponse* response) override;
  grpc::ServerUnaryReactor* ShutdownDistros(grpc::CallbackServerContext* context,
                                            const v1::ShutdownDistrosRequest* request,
                                            v1::ShutdownDistrosResponse* response) override;
  grpc::ServerUnaryReactor* HibernateVm(grpc::CallbackServerContext* context, const v1::HibernateVmRequest* request,
                                        v1::HibernateVmResponse* response) override;
  grpc::ServerUnaryReactor* StopDaemon(grpc::CallbackServerContext* context, const v1::StopDaemonRequest* request,
                                       v1::StopDaemonResponse* response) override;

 private:
  const DaemonFacts facts_;
  Registry& registry_;
  InstanceManager& instances_;
  OperationManager& operations_;
  Workers& workers_;
  const Host host_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVICES_SYSTEM_SERVICE_H_
