// What the VM's kernel says that a person should know.
#ifndef WSLM_RUNTIME_V2_AGENT_KERNEL_LOG_H_
#define WSLM_RUNTIME_V2_AGENT_KERNEL_LOG_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "distros/host/event_loop.h"
#include "distros/host/unique_fd.h"
#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm {

struct KernelEvent {
  runtime::v1::NoticeKind kind = runtime::v1::NOTICE_KIND_UNSPECIFIED;
  // The distro's id, where the kernel names its control group; else the disk ("sdb").
  std::string distro_id;
  std::string disk;
  // "NAME (process PID)", as the VM counts processes.
  std::string process;
  // As Notice.limited_cgroup.
  std::string limited_cgroup;
};

// Reads a record of /dev/kmsg. Nothing: it is of no interest, or a program wrote it.
std::optional<KernelEvent> ReadKernelRecord(std::string_view record);

// Follows the kernel's log from now on. Not thread-safe; lives on the loop's thread.
class KernelLog {
 public:
  KernelLog(EventLoop& loop, std::function<void(const KernelEvent&)> on_event)
      : loop_(loop), on_event_(std::move(on_event)) {}
  absl::Status Begin();

 private:
  void Read();

  EventLoop& loop_;
  const std::function<void(const KernelEvent&)> on_event_;
  UniqueFd log_;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_KERNEL_LOG_H_
