// Joins a client's stream to a session's stream in a distro: what the one says goes to the other, no faster than the
// slower one takes it.
//
//   bridge->Prepare({session_id, token, distro}, {});
//   bridge->Opened(channel.Open(request, bridge), std::move(use));
//
// From the distro: one message is written to the client at a time, and the distro gets credit for it only when it went
// out, so at most the channel's window waits here. From the client: nothing is read while the distro takes no more.
//
// Knows nothing of gRPC; thread-safe. Never calls out with its lock held.
#ifndef WSLM_DAEMON_SESSIONS_SESSION_BRIDGE_H_
#define WSLM_DAEMON_SESSIONS_SESSION_BRIDGE_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "daemon/instances/instance_manager.h"
#include "wslm/runtime/v1/channel.h"
#include "wslm/v1/distro.pb.h"

namespace wslm::daemon {

// What the client is told of its session at the start.
struct SessionIdentity {
  std::string session_id;
  std::string attach_token;
  v1::DistroRef distro;
  // The client shows hints to a person.
  bool wants_hints = false;
};

class SessionBridge : public runtime::v1::StreamObserver, public std::enable_shared_from_this<SessionBridge> {
 public:
  // The client's side; gone after Finish.
  class Client {
   public:
    virtual ~Client() = default;
    // Sends a message; answers with Written. One at a time.
    virtual void Write(const runtime::v1::GuestMessage& message, const SessionIdentity& identity) = 0;
    // As Write, for a few words on what the session waits for.
    virtual void WriteNote(const std::string& note) = 0;
    // As Write, for what a person is to know of the distro.
    virtual void WriteHint(const std::string& hint) = 0;
    // Reads the next request; answers with Received when there is one. One at a time.
    virtual void Read() = 0;
    // The last call.
    virtual void Finish(const absl::Status& status) = 0;
  };

  explicit SessionBridge(Client& client) : client_(&client) {}

  // What others want to know of the session; each is called at most once, before the client hears of it.
  struct Hooks {
    std::function<void(const runtime::v1::SessionStarted&)> started;
    // The command ended; what it left to be told must be told now.
    std::function<void()> ending;
    // The command ended, or there is no such session.
    std::function<void()> ended;
    // The distro ended under the session: is to call `answer` once, and not within this call, which must not block,
    // with why, as a sentence; it may be empty.
    using Answer = std::function<void(const std::string& why)>;
    std::function<void(Answer answer)> why;
  };

  // Before the stream is opened.
  void Prepare(SessionIdentity identity, Hooks hooks) {
    identity_ = std::move(identity);
    hooks_ = std::move(hooks);
  }
  // While the distro starts, tells the client why that takes long. A client that is slow to hear misses some.
  void Note(const std::string& note);
  // Tells a client that wants hints, after what it was sent before. Whether it will hear of it.
  bool Hint(const std::string& distro_id, const std::string& hint);
  // The stream is open; `use` is held till the session ends or the client is gone.
  void Opened(std::shared_ptr<runtime::v1::Stream> stream, InstanceUse use);
  // It could not be opened, or must end: the client gets what waits for it, then `status`.
  void End(const absl::Status& status);

  // From the client. That it closes its side says nothing: it may have died, and the session shall not see an end of
  // input.
  void Received(const std::vector<runtime::v1::HostMessage>& messages);
  void Written(bool ok);
  // It went away; the session goes on without it for a while.
  void ClientGone();

  // From the distro.
  void OnMessage(const runtime::v1::GuestMessage& message, size_t payload_bytes) override;
  void OnEnd(const absl::Status& status) override;
  void OnWritable() override;

 private:
  struct Output {
    runtime::v1::GuestMessage message;
    size_t payload_bytes = 0;
    // Not empty: that instead of a message.
    std::string hint;
  };
  // What to do once the lock is released; done in this order.
  struct Actions {
    std::shared_ptr<runtime::v1::Stream> stream;
    size_t consumed = 0;
    bool close = false;
    std::function<void()> hook;
    InstanceUse release;
    bool write = false;
    std::optional<std::string> note;
    std::optional<absl::Status> finish;
    bool read = false;
  };

  // Goes on with the output: the next message, or the end.
  void AdvanceLocked(Actions& actions);
  void ReadLocked(Actions& actions);
  // The distro sends no more.
  void Ended(const absl::Status& status);
  void Do(Actions actions);

  Client* const client_;
  SessionIdentity identity_;

  std::mutex mutex_;
  Hooks hooks_;
  // The first answer came: there is such a session.
  bool begun_ = false;
  bool exited_ = false;
  std::shared_ptr<runtime::v1::Stream> stream_;
  InstanceUse use_;
  std::deque<Output> output_;
  // The newest that has not gone out.
  std::optional<std::string> note_;
  // The message that is being written.
  Output writing_;
  bool busy_ = false;
  // Payload that went out before the stream was known here.
  size_t consumed_ = 0;
  // Calls of Client::Read that have not returned: it must not be finished meanwhile.
  int reading_ = 0;
  // Why the client's stream is to end.
  std::optional<absl::Status> end_;
  bool gone_ = false;
  bool finished_ = false;
  // The distro takes no more input; the client isn't read.
  bool paused_ = false;
  // OnWritable came since the last Send.
  bool writable_ = false;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SESSIONS_SESSION_BRIDGE_H_
