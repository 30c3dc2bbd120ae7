// One distro in the VM, from the arrival of its disk until the disk is free again.
#ifndef WSLM_RUNTIME_V2_AGENT_DISTRO_H_
#define WSLM_RUNTIME_V2_AGENT_DISTRO_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "distros/host/event_loop.h"
#include "runtime-v2/agent/children.h"
#include "runtime-v2/agent/container.h"
#include "runtime-v2/agent/init_link.h"
#include "wslm/runtime/v1/frames.h"
#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm {

class Distro {
 public:
  using Done = std::function<void(const absl::Status&)>;
  struct Handlers {
    // A frame of init's for the host.
    std::function<void(const runtime::v1::Frame&)> on_frame;
    // init is gone: no more frames. The disk is still in use.
    std::function<void()> on_init_gone;
    // All is gone. The distro may be destroyed from within.
    std::function<void()> on_gone;
    // Its first process is there, and sees its own files.
    std::function<void(pid_t init)> on_container;
  };

  Distro(EventLoop& loop, Children& children, runtime::v1::DistroStart request, Handlers handlers);
  Distro(const Distro&) = delete;
  Distro& operator=(const Distro&) = delete;

  // Once. `done` is called when init answers or why it doesn't; in that case on_gone follows.
  void Start(Done done);
  // Asks init, after `grace` and some kills; `done` is called before on_gone.
  void Stop(std::chrono::milliseconds grace, Done done);

  const std::string& name() const { return request_.config().distro_name(); }
  bool running() const { return state_ == State::kRunning; }
  // The distro's init takes frames.
  bool connected() const { return link_ != nullptr; }
  void Send(const runtime::v1::Frame& frame);
  void SayHello();
  // While paused, init is not read; it may be set before init is there.
  void SetPaused(bool paused);
  // init has taken too little for too long: begin no new stream.
  bool clogged() const;
  // 0 before there is one.
  pid_t init() const { return state_ == State::kCleaning ? 0 : container_.init; }
  // May see neither the host's files nor disks that are no distro's own.
  bool isolated() const { return !request_.config().automount(); }
  // "/dev/sdb"; empty before it is there.
  const std::string& disk() const { return container_.disk.path; }

 private:
  enum class State { kStarting, kRunning, kStopping, kCleaning };

  void OnContainer(const absl::Status& status, const std::string& result);
  void OnFrame(const runtime::v1::Frame& frame);
  void OnInitExit(int wait_status);
  void Kill();
  void CleanUp();
  void FinishStart(const absl::Status& status);
  void Gone(const absl::Status& status);

  EventLoop& loop_;
  Children& children_;
  const runtime::v1::DistroStart request_;
  Handlers handlers_;
  State state_ = State::kStarting;
  UniqueFd socket_;
  std::unique_ptr<InitLink> link_;
  bool paused_ = false;
  Container container_;
  Done started_;
  std::vector<Done> stopped_;
  EventLoop::Timer deadline_ = 0;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_DISTRO_H_
