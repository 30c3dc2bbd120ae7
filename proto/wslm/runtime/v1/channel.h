// The host's end of a connection to wslm-init (v1) or wslm-agent (v2): many streams over one descriptor.
//
//   auto channel = Channel::Connect(std::move(socket), {});
//   auto list = (*channel)->Call(open_request, absl::Seconds(5));          // one answer
//   auto stream = (*channel)->Open(open_request, observer);                // a session
//   stream->Send(host_message);  ...  stream->Consumed(bytes);  ...  stream->Close();
//
// A Channel has one thread of its own that reads, calls the observers and writes. All methods are thread-safe and none
// blocks but Connect and Call.
#ifndef WSLM_PROTO_RUNTIME_V1_CHANNEL_H_
#define WSLM_PROTO_RUNTIME_V1_CHANNEL_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "distros/host/unique_fd.h"
#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm::runtime::v1 {

// What happens on a stream. Errors carry the reason of their StreamEnd as distros/host/error.h attaches it.
class StreamObserver {
 public:
  virtual ~StreamObserver() = default;
  // A message of the stream, on the channel's thread: do not block, do not call Connect or Call. `payload_bytes`
  // (0 for messages that need no credit) count against the window until Stream::Consumed; a peer that sends more than
  // the window allows loses the stream.
  virtual void OnMessage(const GuestMessage& message, size_t payload_bytes) = 0;
  // The last call: OK, the guest's error, INTERNAL when the guest broke the protocol on this stream, or UNAVAILABLE
  // (reason RUNTIME_DIED) when the connection ended.
  virtual void OnEnd(const absl::Status& status) = 0;
  // Called after Send took the backlog below kInitialWindow again, having reported it full.
  virtual void OnWritable() {}
};

class Stream {
 public:
  virtual ~Stream() = default;
  // Queues a message. stdin waits for credit, resize and signal go first. False: the backlog has reached
  // kInitialWindow bytes; nothing is lost, but send no more stdin before OnWritable.
  virtual bool Send(const HostMessage& message) = 0;
  // Gives the guest credit for `payload_bytes` of messages that were passed on.
  virtual void Consumed(size_t payload_bytes) = 0;
  // Nobody listens any more. The observer gets no further call once this returns, unless called from within one.
  // Called by the destructor too.
  virtual void Close() = 0;
};

class Channel {
 public:
  struct Options {
    // Until HELLO_ACK.
    absl::Duration hello_timeout = absl::Seconds(10);
    // Send padding first, and say HELLO again until it is answered: a virtio port may hold half a frame of an earlier
    // connection, and may lose what is said while hosts come and go.
    bool padding = false;
    // Give clock and entropy in HELLO (the agent).
    bool seed = false;
    // Asked now and then while Connect waits; true ends it with CANCELLED. May be null.
    std::function<bool()> give_up;
  };

  // Says HELLO and waits for the answer. Errors: DEADLINE_EXCEEDED, UNAVAILABLE, CANCELLED.
  static absl::StatusOr<std::shared_ptr<Channel>> Connect(wslm::UniqueFd socket, const Options& options);

  // Closes all streams with UNAVAILABLE, joins the thread. Not from an observer.
  virtual ~Channel() = default;

  // The peer's answer to HELLO.
  virtual const HelloAck& peer() const = 0;
  // Begins a stream. `observer` is kept alive until OnEnd or Close.
  virtual std::shared_ptr<Stream> Open(const OpenRequest& request, std::shared_ptr<StreamObserver> observer) = 0;
  // Opens a stream, waits for its end, answers its last message (an empty one when there was none).
  virtual absl::StatusOr<GuestMessage> Call(const OpenRequest& request, absl::Duration timeout) = 0;
  // Called once, on the channel's thread, when the connection ended; at once when it has already.
  virtual void OnClosed(std::function<void()> callback) = 0;
  virtual bool closed() const = 0;
};

}  // namespace wslm::runtime::v1

#endif  // WSLM_PROTO_RUNTIME_V1_CHANNEL_H_
