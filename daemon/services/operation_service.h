// wslm.v1.OperationService over the operation manager.
#ifndef WSLM_DAEMON_SERVICES_OPERATION_SERVICE_H_
#define WSLM_DAEMON_SERVICES_OPERATION_SERVICE_H_

#include "daemon/operations/operation_manager.h"
#include "daemon/server/workers.h"
#include "wslm/v1/operation.grpc.pb.h"

namespace wslm::daemon {

class OperationService final : public v1::OperationService::CallbackService {
 public:
  OperationService(OperationManager& operations, Workers& workers) : operations_(operations), workers_(workers) {}

  grpc::ServerUnaryReactor* ListOperations(grpc::CallbackServerContext* context,
                                           const v1::ListOperationsRequest* request,
                                           v1::ListOperationsResponse* response) override;
  grpc::ServerUnaryReactor* GetOperation(grpc::CallbackServerContext* context, const v1::GetOperationRequest* request,
                                         v1::GetOperationResponse* response) override;
  grpc::ServerUnaryReactor* CancelOperation(grpc::CallbackServerContext* context,
                                            const v1::CancelOperationRequest* request,
                                            v1::CancelOperationResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchOperationResponse>* WatchOperation(
      grpc::CallbackServerContext* context, const v1::WatchOperationRequest* request) override;

 private:
  OperationManager& operations_;
  Workers& workers_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVICES_OPERATION_SERVICE_H_
