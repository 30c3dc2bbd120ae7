#include "runtime-v2/host/instance_v2.h"

#include <utility>

#include "distros/host/error.h"

namespace wslm {

using runtime::v1::GuestMessage;
using runtime::v1::OpenRequest;

namespace {

// Beyond the grace period: unmounting writes back and trims, which under TCG takes its time.
constexpr absl::Duration kStopMargin = absl::Minutes(2);
// The agent's own is shorter.
constexpr absl::Duration kGrowTimeout = absl::Minutes(2);

// Hears of the distro's end. Keeps the instance weakly: the channel keeps this.
class EndWatcher : public runtime::v1::StreamObserver {
 public:
  EndWatcher(std::weak_ptr<InstanceV2> instance, std::shared_ptr<Worker> worker)
      : instance_(std::move(instance)), worker_(std::move(worker)) {}

  void OnMessage(const GuestMessage&, size_t) override {}
  void OnEnd(const absl::Status&) override {
    worker_->Post([instance = instance_] {
      const auto alive = instance.lock();
      // What ends with its VM is finished by who first tells why that ended.
      if (alive && !alive->channel()->closed()) alive->Finish().IgnoreError();
    });
  }

 private:
  const std::weak_ptr<InstanceV2> instance_;
  const std::shared_ptr<Worker> worker_;
};

}  // namespace

InstanceV2::InstanceV2(std::string distro_id, std::shared_ptr<Vm> vm, std::shared_ptr<Worker> worker)
    : distro_id_(std::move(distro_id)), channel_(vm->channel()), worker_(std::move(worker)), vm_(std::move(vm)) {}

std::shared_ptr<InstanceV2> InstanceV2::Make(std::string distro_id, std::shared_ptr<Vm> vm,
                                             std::shared_ptr<Worker> worker) {
  std::shared_ptr<InstanceV2> instance(new InstanceV2(std::move(distro_id), std::move(vm), std::move(worker)));
  OpenRequest request;
  request.set_distro_id(instance->distro_id_);
  request.mutable_distro_watch();
  instance->watch_ = instance->channel_->Open(request, std::make_shared<EndWatcher>(instance, instance->worker_));
  return instance;
}

absl::Status InstanceV2::Stop(absl::Duration grace) {
  {
    const std::lock_guard lock(mutex_);
    if (vm_ == nullptr) return absl::OkStatus();
  }
  OpenRequest request;
  request.set_distro_id(distro_id_);
  request.mutable_distro_stop()->set_grace_ms(absl::ToInt64Milliseconds(grace));
  const absl::Status stopped = channel_->Call(request, grace + kStopMargin).status();
  // A VM that ended took the distro along.
  if (!stopped.ok() && !channel_->closed()) return WithContext(stopped, "The distro could not be stopped");
  return Finish();
}

absl::Status InstanceV2::Finish() {
  const std::lock_guard end_lock(end_mutex_);
  std::shared_ptr<Vm> vm;
  {
    const std::lock_guard lock(mutex_);
    vm = vm_;
  }
  if (vm == nullptr) return absl::OkStatus();
  const absl::Status detached = vm->DetachDisk(distro_id_);
  std::vector<std::function<void()>> callbacks;
  {
    const std::lock_guard lock(mutex_);
    vm_ = nullptr;
    callbacks = std::exchange(callbacks_, {});
  }
  for (const auto& callback : callbacks) callback();
  return detached;
}

absl::Status InstanceV2::GrowDisk(int64_t bytes) {
  std::shared_ptr<Vm> vm;
  {
    const std::lock_guard lock(mutex_);
    vm = vm_;
  }
  if (vm == nullptr) {
    return Error(absl::StatusCode::kUnavailable, reason::kRuntimeDied, "The distro has ended.");
  }
  const absl::Status grown = vm->GrowDisk(distro_id_, bytes);
  if (!grown.ok()) return Error(grown.code(), reason::kIoError, std::string(grown.message()));
  OpenRequest request;
  request.set_distro_id(distro_id_);
  request.mutable_disk_grow()->set_bytes(bytes);
  return channel_->Call(request, kGrowTimeout).status();
}

void InstanceV2::OnExit(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (vm_ != nullptr) {
      callbacks_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

}  // namespace wslm
