// What a Channel, the handles of its streams and its thread share: the streams, their credit and their backlogs.
#ifndef WSLM_PROTO_RUNTIME_V1_CHANNEL_CORE_H_
#define WSLM_PROTO_RUNTIME_V1_CHANNEL_CORE_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "distros/host/unique_fd.h"
#include "wslm/runtime/v1/channel.h"
#include "wslm/runtime/v1/frames.h"

namespace wslm::runtime::v1 {

// All fields are guarded by ChannelCore::mutex_.
struct StreamState {
  uint32_t id = 0;
  // Null once the stream ended or was closed.
  std::shared_ptr<StreamObserver> observer;
  // The channel's thread is in a call of the observer.
  bool in_call = false;
  // Serialised messages that wait for credit, the front one first.
  struct Pending {
    std::string payload;
    uint8_t flags;
  };
  std::deque<Pending> pending;
  size_t pending_bytes = 0;
  uint32_t credit = kInitialWindow;
  // In ChannelCore::ready_.
  bool ready = false;
  // Send answered false; OnWritable is owed.
  bool full = false;
  // Payload bytes consumed and not yet told to the peer.
  uint32_t consumed = 0;
  // Payload bytes that the peer may still send.
  uint32_t window = kInitialWindow;
};

// Thread-safe but for Run, which is the thread. Methods are those of Channel and Stream.
class ChannelCore {
 public:
  ChannelCore(UniqueFd socket, UniqueFd epoll, UniqueFd wake, FrameParser parser)
      : socket_(std::move(socket)), epoll_(std::move(epoll)), wake_(std::move(wake)), parser_(std::move(parser)) {}

  // The thread's whole life: until Stop.
  void Run();
  void Stop();
  bool OnThread() const { return std::this_thread::get_id() == thread_id_.load(); }
  bool closed() const { return closed_.load(); }
  void OnClosed(std::function<void()> callback);

  std::shared_ptr<StreamState> Open(const OpenRequest& request, std::shared_ptr<StreamObserver> observer);
  bool Send(StreamState& stream, const HostMessage& message);
  void Consumed(StreamState& stream, size_t bytes);
  void Close(StreamState& stream);

 private:
  // With mutex_ held.
  void Enqueue(StreamState& stream, std::string payload, uint8_t flags);
  void MakeReady(StreamState& stream);
  void FillOutput(std::vector<std::shared_ptr<StreamState>>& writable);
  void Wake();

  // On the thread, without mutex_.
  bool ReadSocket();
  void HandleFrame(const Frame& frame);
  // What a guest may do wrong on one stream; false leaves the stream to be given up.
  bool TakeData(StreamState& stream, const Frame& frame);
  bool TakeWindow(StreamState& stream, const Frame& frame);
  bool TakeStatus(const std::shared_ptr<StreamState>& stream, const Frame& frame);
  bool WriteSocket();
  // Ends all streams; the socket is closed.
  void EndAll();
  template <typename Call>
  void Deliver(StreamState& stream, const Call& call);
  void End(const std::shared_ptr<StreamState>& stream, const absl::Status& status);

  UniqueFd socket_;
  const UniqueFd epoll_;
  const UniqueFd wake_;
  std::atomic<std::thread::id> thread_id_;
  std::atomic<bool> closed_ = false;

  // The thread's own.
  FrameParser parser_;
  std::string read_buffer_;
  std::string writing_;
  size_t written_ = 0;
  bool wants_write_ = false;

  std::mutex mutex_;
  std::condition_variable call_ended_;
  bool stop_ = false;
  bool woken_ = false;
  uint32_t next_id_ = 1;
  std::unordered_map<uint32_t, std::shared_ptr<StreamState>> streams_;
  // Whole frames that need no credit, in order.
  std::string control_;
  // Streams whose front message may be sent, in turn.
  std::deque<uint32_t> ready_;
  std::vector<std::function<void()>> on_closed_;
};

}  // namespace wslm::runtime::v1

#endif  // WSLM_PROTO_RUNTIME_V1_CHANNEL_CORE_H_
