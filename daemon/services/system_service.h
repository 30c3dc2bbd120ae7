// wslm.v1.SystemService.
#ifndef WSLM_DAEMON_SERVICES_SYSTEM_SERVICE_H_
#define WSLM_DAEMON_SERVICES_SYSTEM_SERVICE_H_

#include <functional>
#include <string>

#include "absl/time/time.h"
#include "daemon/server/workers.h"
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
  SystemService(DaemonFacts facts, Workers& workers, std::function<void()> stop_daemon)
      : facts_(std::move(facts)), workers_(workers), stop_daemon_(std::move(stop_daemon)) {}

  grpc::ServerUnaryReactor* GetInfo(grpc::CallbackServerContext* context, const v1::GetInfoRequest* request,
                                    v1::GetInfoResponse* response) override;
  grpc::ServerUnaryReactor* StopDaemon(grpc::CallbackServerContext* context, const v1::StopDaemonRequest* request,
                                       v1::StopDaemonResponse* response) override;

 private:
  const DaemonFacts facts_;
  Workers& workers_;
  const std::function<void()> stop_daemon_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVICES_SYSTEM_SERVICE_H_
