#include "daemon/services/system_service.h"

#include <unistd.h>

#include "daemon/server/unary.h"
#include "daemon/timestamps.h"

namespace wslm::daemon {
namespace {

constexpr int kApiRevision = 1;

}  // namespace

grpc::ServerUnaryReactor* SystemService::GetInfo(grpc::CallbackServerContext* context, const v1::GetInfoRequest*,
                                                 v1::GetInfoResponse* response) {
  return Answer(context, workers_, [this, response] {
    response->set_version(WSLM_VERSION);
    response->set_api_revision(kApiRevision);
    response->set_pid(::getpid());
    *response->mutable_start_time() = ToTimestamp(facts_.start_time);
    response->set_boot_id(facts_.boot_id);
    response->set_socket_path(facts_.socket_path);
    response->set_data_folder(facts_.data_folder);
    response->set_log_path(facts_.log_path);
    response->set_default_version(v1::DISTRO_VERSION_1);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SystemService::StopDaemon(grpc::CallbackServerContext* context, const v1::StopDaemonRequest*,
                                                    v1::StopDaemonResponse*) {
  auto* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  stop_daemon_();
  return reactor;
}

}  // namespace wslm::daemon
