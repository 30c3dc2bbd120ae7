#include "daemon/services/operation_service.h"

#include <memory>
#include <utility>

#include "daemon/server/unary.h"
#include "daemon/services/page.h"
#include "daemon/services/watch_reactor.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {
namespace {

constexpr int kDefaultPage = 100;

class OperationReactor : public WatchReactor<v1::WatchOperationResponse> {
 public:
  void Begin(OperationManager& operations, const std::string& id) {
    auto watch = operations.Watch(id, [weak = weak_from_this()] {
      if (auto self = weak.lock()) self->Wake();
    });
    if (watch.ok()) {
      watch_ = *std::move(watch);
    } else {
      end_ = watch.status();
    }
    Start();
  }

 private:
  Step Take() override {
    if (watch_ == nullptr || done_) return end_;
    auto operation = watch_->Next();
    if (!operation) return std::monostate();
    done_ = operation->state() == v1::OPERATION_STATE_DONE;
    v1::WatchOperationResponse response;
    *response.mutable_operation() = *std::move(operation);
    return response;
  }

  std::shared_ptr<OperationManager::OperationWatch> watch_;
  absl::Status end_;
  bool done_ = false;
};

}  // namespace

grpc::ServerUnaryReactor* OperationService::ListOperations(grpc::CallbackServerContext* context,
                                                           const v1::ListOperationsRequest* request,
                                                           v1::ListOperationsResponse* response) {
  return Answer(context, workers_, [this, request, response]() -> absl::Status {
    const int size = request->page_size() == 0 ? kDefaultPage : request->page_size();
    ASSIGN_OR_RETURN(auto page, PageOf(operations_.List(request->unfinished_only()), size, request->page_token()));
    for (auto& operation : page.items) *response->add_operations() = std::move(operation);
    response->set_next_page_token(page.next_token);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* OperationService::GetOperation(grpc::CallbackServerContext* context,
                                                         const v1::GetOperationRequest* request,
                                                         v1::GetOperationResponse* response) {
  return Answer(context, workers_, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(*response->mutable_operation(), operations_.Get(request->id()));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* OperationService::CancelOperation(grpc::CallbackServerContext* context,
                                                            const v1::CancelOperationRequest* request,
                                                            v1::CancelOperationResponse* response) {
  return Answer(context, workers_, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(*response->mutable_operation(), operations_.Cancel(request->id()));
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::WatchOperationResponse>* OperationService::WatchOperation(
    grpc::CallbackServerContext*, const v1::WatchOperationRequest* request) {
  auto reactor = std::make_shared<OperationReactor>();
  reactor->Begin(operations_, request->id());
  return reactor.get();
}

}  // namespace wslm::daemon
