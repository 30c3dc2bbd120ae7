// The agent's end of the control connection: frames over a virtio port.
//
// A port differs from a socket: hosts come and go, what one left half said is read by the next, and a port without a
// host is readable (0 bytes) and hung up all the time. So it is watched for edges only, and what is no frame is
// skipped. That a host goes or comes travels beside the data and is heard late: a host's HELLO may be read first and
// the 0 bytes of the time before it after that. So a read of 0 bytes says nothing of who is there, and only a HELLO
// ends what was before it; half a frame ends in the padding that the next host sends first, and is dropped there.
#ifndef WSLM_RUNTIME_V2_AGENT_HOST_PORT_H_
#define WSLM_RUNTIME_V2_AGENT_HOST_PORT_H_

#include <cstdint>
#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "distros/host/event_loop.h"
#include "distros/host/unique_fd.h"
#include "wslm/runtime/v1/frame_link.h"
#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm {

class HostPort {
 public:
  struct Handlers {
    // A host said HELLO: all streams are forgotten. Answer by SendHelloAck. A host repeats its HELLO until it has the
    // answer; it opens no stream before.
    std::function<void(const runtime::v1::Hello&)> on_hello;
    // A frame after HELLO.
    std::function<void(const runtime::v1::Frame&)> on_frame;
    // congested() is false again.
    std::function<void()> on_drained;
  };

  HostPort(EventLoop& loop, UniqueFd port, Handlers handlers);
  absl::Status Begin();

  void SendHelloAck(const runtime::v1::HelloAck& ack);
  // Queued, for the host that said HELLO last or until the next does; dropped before the first.
  void Send(runtime::v1::FrameType type, uint8_t flags, uint32_t stream, std::string_view payload);
  // More is queued than the host takes: send nothing that can wait.
  bool congested() const { return congested_; }

 private:
  void OnEvent();
  void OnHello(const runtime::v1::Hello& hello);
  void Flush();

  EventLoop& loop_;
  runtime::v1::FrameLink link_;
  Handlers handlers_;
  bool greeted_ = false;
  // Of the HELLO that was answered last.
  uint64_t nonce_ = 0;
  bool congested_ = false;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_HOST_PORT_H_
