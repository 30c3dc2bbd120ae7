// The connection to the daemon (v1) or to the VM's agent (v2): HELLO, streams, credit. One at a time.
#ifndef WSLM_RUNTIME_V1_INIT_HOST_CONNECTION_H_
#define WSLM_RUNTIME_V1_INIT_HOST_CONNECTION_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "distros/host/event_loop.h"
#include "runtime-v1/init/host_stream.h"
#include "wslm/runtime/v1/frame_link.h"

namespace wslm::init {

// Not thread-safe; lives on the loop's thread.
class HostConnection {
 public:
  struct Callbacks {
    // Answers an OPEN: whoever shall serve the stream, or null when it was ended at once.
    std::function<std::shared_ptr<StreamHandler>(const proto::OpenRequest&, const std::shared_ptr<HostStream>&)> open;
    // The connection ended: all handlers were told. May Adopt another or destroy nothing but its own things.
    std::function<void()> closed;
  };

  HostConnection(EventLoop& loop, std::string distro_id, Callbacks callbacks);
  ~HostConnection();

  // Takes a connected descriptor; one held before is closed, its handlers are told that they are gone.
  void Adopt(UniqueFd fd);
  // Writes what is queued. To be called after each batch of events.
  void Flush();
  // Waits up to a second for everything queued to be written: for the last word before the end.
  void Drain();

 private:
  class Stream;

  void OnEvents(uint32_t events);
  void OnFrame(const proto::Frame& frame);
  void OnHello(const proto::Frame& frame);
  void OnOpen(const proto::Frame& frame);
  void TellWritable();
  // Tells all handlers that they are gone.
  void DropStreams();
  void Close();

  EventLoop& loop_;
  const std::string distro_id_;
  const Callbacks callbacks_;
  std::unique_ptr<proto::FrameLink> link_;
  // HELLO came.
  bool greeted_ = false;
  // A stream found no room because the link's queue was full.
  bool congested_ = false;
  std::map<uint32_t, std::shared_ptr<Stream>> streams_;
};

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_HOST_CONNECTION_H_
