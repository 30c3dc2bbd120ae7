// The agent's connection to one distro's wslm-init: frames both ways, unread where they need not be read.
#ifndef WSLM_RUNTIME_V2_AGENT_INIT_LINK_H_
#define WSLM_RUNTIME_V2_AGENT_INIT_LINK_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "distros/host/event_loop.h"
#include "distros/host/unique_fd.h"
#include "wslm/runtime/v1/frame_link.h"

namespace wslm {

class InitLink {
 public:
  struct Handlers {
    // init answered the last SayHello.
    std::function<void()> on_ready;
    // A frame that is no answer to HELLO, and not of before it.
    std::function<void(const runtime::v1::Frame&)> on_frame;
    // The connection ended; no call follows.
    std::function<void()> on_closed;
  };

  InitLink(EventLoop& loop, UniqueFd socket, Handlers handlers);
  ~InitLink();
  InitLink(const InitLink&) = delete;
  InitLink& operator=(const InitLink&) = delete;

  absl::Status Begin();
  // Makes init forget its streams; frames until its answer are dropped.
  void SayHello();
  void Send(runtime::v1::FrameType type, uint8_t flags, uint32_t stream, std::string_view payload);
  // Bytes that init hasn't taken. Each stream's are bounded by its credit.
  size_t backlog() const { return link_ ? link_->backlog() : 0; }
  // While paused nothing is read, and init waits.
  void SetPaused(bool paused);

 private:
  void OnEvent(uint32_t events);
  bool Read();
  void Flush();
  uint32_t WantedEvents() const;
  void Close();

  EventLoop& loop_;
  // None once the connection ended.
  std::optional<runtime::v1::FrameLink> link_;
  Handlers handlers_;
  uint64_t nonce_ = 0;
  bool answered_ = false;
  bool paused_ = false;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_INIT_LINK_H_
