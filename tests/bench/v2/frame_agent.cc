// An agent that does nothing but frames: what the control connection of a VM carries. vm_bench boots a VM with it.
//
// DATA is dropped. OPEN ends at once, after as many bytes of DATA as its payload says in decimal digits.
#include <sys/reboot.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>

#include "distros/host/event_loop.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/agent/boot.h"
#include "runtime-v2/agent/host_port.h"
#include "runtime-v2/agent/log.h"
#include "runtime-v2/modules/vm_names.h"
#include "wslm/runtime/v1/frames.h"

namespace wslm {
namespace {

using runtime::v1::Frame;
using runtime::v1::FrameType;

class FrameAgent {
 public:
  FrameAgent(EventLoop& loop, UniqueFd port)
      : host_(loop, std::move(port),
              HostPort::Handlers{
                  .on_hello = [this](const runtime::v1::Hello& hello) { OnHello(hello); },
                  .on_frame = [this](const Frame& frame) { OnFrame(frame); },
                  .on_drained = [this] { Feed(); },
              }) {}
  absl::Status Begin() { return host_.Begin(); }

 private:
  void OnHello(const runtime::v1::Hello& hello) {
    wanted_.clear();
    runtime::v1::HelloAck ack;
    ack.set_nonce(hello.nonce());
    ack.set_revision(runtime::v1::kRevision);
    ack.set_role(runtime::v1::PEER_ROLE_AGENT);
    host_.SendHelloAck(ack);
  }
  void OnFrame(const Frame& frame) {
    if (frame.type != FrameType::kOpen) return;
    wanted_[frame.stream] = std::strtoll(frame.payload.c_str(), nullptr, 10);
    Feed();
  }
  void Feed() {
    while (!wanted_.empty() && !host_.congested()) {
      const auto [stream, bytes] = *wanted_.begin();
      if (bytes > 0) {
        host_.Send(FrameType::kData, runtime::v1::kFlagNoCredit, stream, payload_);
        wanted_[stream] -= static_cast<int64_t>(payload_.size());
      } else {
        host_.Send(FrameType::kStatus, 0, stream, "");
        wanted_.erase(stream);
      }
    }
  }

  const std::string payload_ = std::string(runtime::v1::kMaxPayload, '\0');
  HostPort host_;
  std::map<uint32_t, int64_t> wanted_;
};

absl::Status Run() {
  RETURN_IF_ERROR(MountBasics());
  RETURN_IF_ERROR(LoadBootModules());
  ASSIGN_OR_RETURN(UniqueFd port, OpenVirtioPort(kControlPort));
  EventLoop loop;
  FrameAgent agent(loop, std::move(port));
  RETURN_IF_ERROR(agent.Begin());
  loop.Run();
  return absl::OkStatus();
}

}  // namespace
}  // namespace wslm

int main() {
  if (::getpid() != 1) return 2;
  wslm::LogIfError("frames", wslm::Run());
  ::reboot(RB_AUTOBOOT);
  return 1;
}
