#include "daemon/services/system_service.h"

#include <unistd.h>

#include "daemon/server/unary.h"
#include "daemon/services/distro_views.h"
#include "daemon/timestamps.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {
namespace {

constexpr int kApiRevision = 1;
constexpr absl::Duration kDefaultGrace = absl::Seconds(2);

}  // namespace

grpc::ServerUnaryReactor* SystemService::GetInfo(grpc::CallbackServerContext* context, const v1::GetInfoRequest*,
                                                 v1::GetInfoResponse* response) {
  return Answer(context, workers_, [this, response] {
    response->set_version(WSLM_VERSION);
    response->set_api_revision(kApiRevision);
    response->set_pid(::getpid());
    *response->mutable_start_time() = ToTimestamp(facts_.start_time);
    response->set_boot_id(facts_.boot_id);
    response->set_socket_path(Escaped(facts_.socket_path));
    response->set_data_folder(Escaped(facts_.data_folder));
    response->set_log_path(Escaped(facts_.log_path));
    if (const auto entry = registry_.Find(""); entry.ok()) *response->mutable_default_distro() = RefOf(entry->record);
    response->set_default_version(v1::DISTRO_VERSION_1);
    response->set_unfinished_operations(operations_.unfinished());
    const auto name_of = [this](const std::string& id) {
      const auto entry = registry_.Find(id);
      return entry.ok() ? entry->record.name : "";
    };
    host_.describe(name_of, *response);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SystemService::ShutdownDistros(grpc::CallbackServerContext* context,
                                                         const v1::ShutdownDistrosRequest* request,
                                                         v1::ShutdownDistrosResponse* response) {
  return Answer(context, workers_, [this, request, response]() -> absl::Status {
    const absl::Duration grace = request->has_grace() ? FromDuration(request->grace()) : kDefaultGrace;
    if (grace < absl::ZeroDuration()) {
      return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                   "The grace period must not be negative.", {{"field", "grace"}});
    }
    ASSIGN_OR_RETURN(const auto stopped, instances_.StopAll(grace));
    for (const auto& id : stopped) {
      if (const auto entry = registry_.Find(id); entry.ok()) *response->add_stopped() = RefOf(entry->record);
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SystemService::HibernateVm(grpc::CallbackServerContext* context,
                                                     const v1::HibernateVmRequest*, v1::HibernateVmResponse* response) {
  return Answer(context, workers_, [this, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const auto asleep, instances_.HibernateVm());
    for (const auto& id : asleep) {
      if (const auto entry = registry_.Find(id); entry.ok()) *response->add_hibernated() = RefOf(entry->record);
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SystemService::StopDaemon(grpc::CallbackServerContext* context, const v1::StopDaemonRequest*,
                                                    v1::StopDaemonResponse*) {
  auto* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  host_.stop_daemon();
  return reactor;
}

}  // namespace wslm::daemon
