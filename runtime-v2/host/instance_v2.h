// A distro that runs in the VM.
#ifndef WSLM_RUNTIME_V2_HOST_INSTANCE_V2_H_
#define WSLM_RUNTIME_V2_HOST_INSTANCE_V2_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "runtime-v2/host/vm.h"
#include "runtime-v2/host/worker.h"
#include "wslm/runtime/v1/instance.h"

namespace wslm {

class InstanceV2 : public runtime::v1::Instance, public std::enable_shared_from_this<InstanceV2> {
 public:
  static std::shared_ptr<InstanceV2> Make(std::string distro_id, std::shared_ptr<Vm> vm,
                                          std::shared_ptr<Worker> worker);

  const std::string& distro_id() const override { return distro_id_; }
  std::shared_ptr<runtime::v1::Channel> channel() const override { return channel_; }
  absl::Status Stop(absl::Duration grace) override;
  absl::Status GrowDisk(int64_t bytes) override;
  void OnExit(std::function<void()> callback) override;

  // Unplugs the disk and tells those who wait, once. Blocks. The distro has ended, or the VM has.
  absl::Status Finish();

 private:
  InstanceV2(std::string distro_id, std::shared_ptr<Vm> vm, std::shared_ptr<Worker> worker);

  const std::string distro_id_;
  const std::shared_ptr<runtime::v1::Channel> channel_;
  const std::shared_ptr<Worker> worker_;

  // Held over the end: who comes second waits until all is done.
  std::mutex end_mutex_;
  std::mutex mutex_;
  std::shared_ptr<Vm> vm_;  // null after the end
  std::shared_ptr<runtime::v1::Stream> watch_;
  std::vector<std::function<void()>> callbacks_;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_INSTANCE_V2_H_
