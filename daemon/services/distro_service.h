// wslm.v1.DistroService over the registry, the instances and the operations.
#ifndef WSLM_DAEMON_SERVICES_DISTRO_SERVICE_H_
#define WSLM_DAEMON_SERVICES_DISTRO_SERVICE_H_

#include <string>

#include "absl/status/status.h"
#include "daemon/operations/operation_deps.h"
#include "daemon/operations/operation_manager.h"
#include "daemon/server/unary.h"
#include "daemon/server/workers.h"
#include "daemon/services/request_memory.h"
#include "wslm/v1/distro_service.grpc.pb.h"

namespace wslm::daemon {

class DistroService final : public v1::DistroService::CallbackService {
 public:
  DistroService(OperationDeps deps, OperationManager& operations, Workers& workers)
      : deps_(deps), operations_(operations), workers_(workers) {}

#define WSLM_UNARY(name)                                                                                   \
  grpc::ServerUnaryReactor* name(grpc::CallbackServerContext* context, const v1::name##Request* request,   \
                                 v1::name##Response* response) override {                                  \
    return Answer(context, workers_, [this, request, response] { return Do##name(*request, *response); }); \
  }                                                                                                        \
  absl::Status Do##name(const v1::name##Request& request, v1::name##Response& response);

  WSLM_UNARY(ListDistros)
  WSLM_UNARY(GetDistro)
  WSLM_UNARY(UpdateDistro)
  WSLM_UNARY(SetDefaultDistro)
  WSLM_UNARY(StartDistro)
  WSLM_UNARY(TerminateDistro)
  WSLM_UNARY(ImportDistro)
  WSLM_UNARY(ImportInPlace)
  WSLM_UNARY(PullDistro)
  WSLM_UNARY(PushDistro)
  WSLM_UNARY(ExportDistro)
  WSLM_UNARY(ConvertDistro)
  WSLM_UNARY(CloneDistro)
  WSLM_UNARY(ResizeDistro)
  WSLM_UNARY(TrimDistro)
  WSLM_UNARY(CheckDistro)
  WSLM_UNARY(CompareTrees)
  WSLM_UNARY(DeleteDistro)
  WSLM_UNARY(ListTrash)
  WSLM_UNARY(RecoverDistro)
#undef WSLM_UNARY

 private:
  // Finds a distro that the request has to name.
  absl::StatusOr<RegistryEntry> FindNamed(const std::string& name) const;
  absl::Status CheckUser(const RegistryEntry& entry, const std::string& user);
  // Starts an operation; the response holds it.
  template <class Request, class Response, class Plan>
  absl::Status Begin(v1::OperationKind kind, const Request& request, Response& response, Plan plan);

  const OperationDeps deps_;
  OperationManager& operations_;
  Workers& workers_;
  RequestMemory updates_;
  RequestMemory recoveries_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVICES_DISTRO_SERVICE_H_
