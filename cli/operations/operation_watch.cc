#include "cli/operations/operation_watch.h"

#include <utility>

#include "absl/time/clock.h"
#include "cli/api/rpc_status.h"
#include "wslm/v1/operation.grpc.pb.h"

namespace wslm::cli {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr absl::Duration kRetry = absl::Milliseconds(100);

}  // namespace

OperationWatch::OperationWatch(Client& client, std::string id)
    : client_(client), id_(std::move(id)), last_heard_(absl::Now()), thread_([this] { Loop(); }) {}

OperationWatch::~OperationWatch() {
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  thread_.join();
}

OperationWatch::State OperationWatch::Get() const {
  absl::MutexLock lock(&mutex_);
  return state_;
}

void OperationWatch::End(const absl::Status& error) {
  {
    absl::MutexLock lock(&mutex_);
    state_.ended = true;
    state_.error = error;
  }
  changed_.Wake();
}

void OperationWatch::Loop() {
  while (true) {
    absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = client_.Channel();
    if (!channel.ok()) return End(channel.status());
    const grpc::Status status = Follow(*channel);
    absl::MutexLock lock(&mutex_);
    if (closing_ || state_.ended) return;
    if (!status.ok() && !IsConnectionLost(status)) {
      state_.ended = true;
      state_.error = FromRpc(status);
      changed_.Wake();
      return;
    }
    client_.Reset(*channel);
    if (absl::Now() - last_heard_ > kPatience) {
      state_.ended = true;
      state_.error =
          absl::UnavailableError("wslmd no longer tells of the operation. 'wslm op list' shows what became of it.");
      changed_.Wake();
      return;
    }
    mutex_.AwaitWithTimeout(absl::Condition(&closing_), kRetry);
    if (closing_) return;
  }
}

grpc::Status OperationWatch::Follow(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  {
    absl::MutexLock lock(&mutex_);
    if (closing_) return grpc::Status::CANCELLED;
    context_ = &context;
  }
  v1::OperationService::Stub stub(channel);
  v1::WatchOperationRequest request;
  request.set_id(id_);
  auto stream = stub.WatchOperation(&context, request);
  v1::WatchOperationResponse response;
  while (stream->Read(&response)) {
    last_heard_ = absl::Now();
    {
      absl::MutexLock lock(&mutex_);
      state_.operation.Swap(response.mutable_operation());
      state_.ended = state_.operation.state() == v1::OPERATION_STATE_DONE;
    }
    changed_.Wake();
  }
  const grpc::Status status = stream->Finish();
  absl::MutexLock lock(&mutex_);
  context_ = nullptr;
  return status;
}

}  // namespace wslm::cli
