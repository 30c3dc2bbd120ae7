// A v1 distro that runs: its lxcore's guardian, and the connection to its init.
#ifndef WSLM_RUNTIME_V1_LAUNCHER_INSTANCE_V1_H_
#define WSLM_RUNTIME_V1_LAUNCHER_INSTANCE_V1_H_

#include <sys/types.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"
#include "runtime-v1/launcher/limit_file.h"
#include "wslm/runtime/v1/instance.h"

namespace wslm {

class InstanceV1 : public runtime::v1::Instance {
 public:
  // Connects to `socket`, on which init of `distro_id` listens. `lxcore` is the process id of its guardian, alive;
  // `limits` the file in which lxcore notes what programs run into.
  static absl::StatusOr<std::shared_ptr<InstanceV1>> Connect(std::string distro_id, const std::string& socket,
                                                             pid_t lxcore, const std::string& limits);

  // The distro goes on.
  ~InstanceV1() override;

  const std::string& distro_id() const override { return distro_id_; }
  std::shared_ptr<runtime::v1::Channel> channel() const override { return channel_; }
  absl::Status Stop(absl::Duration grace) override;
  void OnExit(std::function<void()> callback) override;
  void OnLimit(LimitCallback callback) override { limits_.SetCallback(std::move(callback)); }
  void TellLimits() override { limits_.Tell(); }

 private:
  InstanceV1(std::string distro_id, pid_t pid, UniqueFd process, UniqueFd wake,
             std::shared_ptr<runtime::v1::Channel> channel, const std::string& limits);
  // On the watcher's thread: until the guardian ended or the wish to stop watching.
  void Watch();
  bool WaitForEnd(absl::Duration timeout);

  const std::string distro_id_;
  const pid_t pid_;
  const UniqueFd process_;  // pidfd of the guardian
  const UniqueFd wake_;     // eventfd
  const std::shared_ptr<runtime::v1::Channel> channel_;
  LimitFile limits_;

  std::mutex mutex_;
  std::condition_variable ended_changed_;
  bool ended_ = false;
  std::function<void()> on_exit_;
  std::thread watcher_;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V1_LAUNCHER_INSTANCE_V1_H_
