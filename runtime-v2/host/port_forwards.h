// What programs in the VM listen on, reachable on the host's 127.0.0.1 as long as they do.
//
//   auto forwards = PortForwards::Start(vm, worker);
//
// QEMU's user network passes the connections on; they and the rules outlive wslmd, and the next one goes on with them.
#ifndef WSLM_RUNTIME_V2_HOST_PORT_FORWARDS_H_
#define WSLM_RUNTIME_V2_HOST_PORT_FORWARDS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime-v2/host/vm.h"
#include "runtime-v2/host/worker.h"
#include "wslm/runtime/v1/channel.h"

namespace wslm {

struct ForwardedPort {
  uint16_t port = 0;
  bool udp = false;
  // Why it is not reachable, as a sentence; empty when it is.
  std::string problem;
};

// What is forwarded of what the agent says: the kMostPorts lowest.
VmPorts PortsToForward(const runtime::v1::PortList& list);

// Thread-safe; no method blocks. Forwarding ends with the object; rules that there are stay until the VM's end.
class PortForwards : public std::enable_shared_from_this<PortForwards> {
 public:
  static std::shared_ptr<PortForwards> Start(const std::shared_ptr<Vm>& vm, const std::shared_ptr<Worker>& worker);

  // By port.
  std::vector<ForwardedPort> ports() const;
  // How many are listened on besides those.
  uint32_t left_out() const;
  // Has the worker try again what could not be had: the host's program that was in the way may have gone. Begins to
  // watch again where the VM's agent has ended that.
  void Retry();

 private:
  class Watch;

  PortForwards(const std::shared_ptr<Vm>& vm, const std::shared_ptr<Worker>& worker) : vm_(vm), worker_(worker) {}
  void BeginWatch(Vm& vm);
  void Consumed(size_t bytes);
  void OnWatchEnd();
  void Want(const runtime::v1::PortList& list);
  void PostApply();
  // Makes QEMU's rules what is wanted. On the worker's thread.
  void Apply();

  // Not kept from here: both keep this one, the VM through its channel's stream.
  const std::weak_ptr<Vm> vm_;
  const std::weak_ptr<Worker> worker_;
  mutable std::mutex mutex_;
  VmPorts wanted_;
  uint32_t left_out_ = 0;
  std::map<VmPort, std::string> problems_;
  bool watching_ = false;
  // The last: its observer is called until it is closed.
  std::shared_ptr<runtime::v1::Stream> stream_;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_PORT_FORWARDS_H_
