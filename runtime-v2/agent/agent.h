// The agent: answers the host, runs the distros, and passes streams between the host and each distro's init.
//
// Streams' credit is counted between the host and init; the agent passes frames on and holds at most what credit lets
// be under way. When the host takes too little, no init is read; when an init takes too little, the others go on.
#ifndef WSLM_RUNTIME_V2_AGENT_AGENT_H_
#define WSLM_RUNTIME_V2_AGENT_AGENT_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "distros/host/event_loop.h"
#include "distros/host/unique_fd.h"
#include "runtime-v2/agent/children.h"
#include "runtime-v2/agent/distro.h"
#include "runtime-v2/agent/guest_ports.h"
#include "runtime-v2/agent/host_port.h"
#include "runtime-v2/agent/kernel_log.h"
#include "runtime-v2/agent/shared_disks.h"

namespace wslm {

class Agent {
 public:
  Agent(EventLoop& loop, Children& children, UniqueFd port);
  absl::Status Begin();

 private:
  void OnHello(const runtime::v1::Hello& hello);
  void OnDrained();
  void OnFrame(const runtime::v1::Frame& frame);
  void OnOpen(const runtime::v1::Frame& frame);
  void OnDistroFrame(const std::string& distro_id, const runtime::v1::Frame& frame);
  void StartDistro(uint32_t stream, const runtime::v1::DistroStart& request);
  void OnDistroGone(const std::string& distro_id);
  void WatchPorts(uint32_t stream);
  // Tells the watchers what has changed; again after a while, as long as there are any.
  void LookAtPorts();
  void GrowDisk(uint32_t stream, const std::string& distro_id, int64_t bytes);
  void MountDisk(uint32_t stream, const runtime::v1::DiskMount& request);
  // First processes of the distros that may see shared disks.
  std::vector<pid_t> SeersOfSharedDisks() const;
  // `stream` ends with the status, if its host is there still.
  std::function<void(const absl::Status&)> Ending(uint32_t stream);
  void Sleep(uint32_t stream);
  void OnAsleep(const absl::Status& status, uint64_t epoch, const std::function<void(const absl::Status&)>& done);
  // When it is just falling asleep, once it has; does nothing when it is awake.
  void Wake(std::function<void(const absl::Status&)> done);
  // All distros; while the host's files are missing only those that may see them: the others could take the device.
  void Thaw();
  // Tries again until the host's files are mounted in the distros.
  void BringHostBack();
  std::map<std::string, std::string> NamesOfDistros() const;
  void OnKernelEvent(const KernelEvent& event);
  void EndStreamsOf(const std::string& distro_id);
  void End(uint32_t stream, const absl::Status& status);
  [[noreturn]] void PowerOff();

  EventLoop& loop_;
  Children& children_;
  HostPort host_;
  KernelLog kernel_log_;
  std::map<std::string, std::unique_ptr<Distro>> distros_;
  SharedDisks shared_disks_;
  // The streams that are passed on, and the distro of each; streams of the agent's own are not here.
  std::unordered_map<uint32_t, std::string> streams_;
  // Streams of DistroWatch.
  std::unordered_map<uint32_t, std::string> watches_;
  // Streams of PortsWatch, and what each was told last.
  std::unordered_map<uint32_t, std::string> port_watches_;
  GuestPorts ports_;
  EventLoop::Timer port_timer_ = 0;
  // Streams of NoticesWatch.
  std::set<uint32_t> notice_watches_;
  // Made fit to be saved; on the way there, and back.
  enum class Mode { kAwake, kFallingAsleep, kAsleep, kWaking };
  Mode mode_ = Mode::kAwake;
  // Whoever wanted it to fall asleep doesn't any more.
  bool wake_soon_ = false;
  // Has it wake when nobody comes to save it.
  EventLoop::Timer sleep_timer_ = 0;
  // What waits until it is awake.
  std::vector<std::function<void()>> when_awake_;
  // Something kept the host's files from being mounted again, and it is tried from time to time.
  bool host_missing_ = false;
  // Counts the hosts: an answer to one that went is not for the next.
  uint64_t epoch_ = 0;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_AGENT_H_
