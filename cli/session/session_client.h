// Runs one command in a distro in front of the caller's three streams, through restarts of the daemon.
#ifndef WSLM_CLI_SESSION_SESSION_CLIENT_H_
#define WSLM_CLI_SESSION_SESSION_CLIENT_H_

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "cli/api/client.h"
#include "cli/output/console.h"
#include "cli/session/input_pump.h"
#include "cli/session/session_stream.h"
#include "cli/terminal/signal_fd.h"
#include "cli/terminal/terminal.h"
#include "cli/terminal/wake_fd.h"
#include "wslm/v1/session.pb.h"

namespace wslm::cli {

// Descriptors that stay the caller's. SIGPIPE must be ignored.
struct SessionStreams {
  int in;
  int out;
  int err;
};

// Run is for one thread, once.
class SessionClient {
 public:
  // `signals` holds SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGCONT, and SIGTSTP when a stream is the session's
  // terminal. `distro_name` is for the announcement that it is being started.
  SessionClient(Client& client, Console& console, SignalFd& signals, SessionStreams streams, std::string distro_name);
  ~SessionClient();

  // The code to exit with. Errors are those of wslm itself.
  absl::StatusOr<int> Run(const v1::Start& start);

 private:
  // Where the session stands, for the thread that waits.
  struct State {
    bool started = false;
    std::string note;  // What the start waits for.
    bool ended = false;
    absl::Status error;  // Set when it ended without `exited`.
    v1::Exited exited;
    int write_errno = 0;                             // The caller's output took no more.
    absl::Time lost_since = absl::InfiniteFuture();  // The connection is being made anew.
  };

  // On the reading thread.
  void ReadLoop(std::shared_ptr<SessionStream> stream);
  // Until the stream's end. True: the session has ended.
  bool ReadStream(SessionStream& stream);
  void Started(const std::shared_ptr<SessionStream>& stream, const v1::Started& started);
  void Write(int fd, const std::string& bytes);
  // A new stream to the same session.
  absl::StatusOr<std::shared_ptr<SessionStream>> Reattach();
  absl::Status Resume(const std::shared_ptr<SessionStream>& stream, const v1::Attached& attached);
  void End(const absl::Status& error);

  // On the waiting thread. A code: leave at once with it.
  std::optional<int> HandleSignals();
  std::optional<int> HandleSignal(int signal);
  std::optional<int> Interrupted();
  void Announce(const State& state);
  // Asks the command to end after its output has nowhere to go; harder each time it did not. A code: leave.
  std::optional<int> EndUnheard(const State& state);
  void Suspend();
  void EnterRaw();
  void LeaveRaw();
  void SendSignal(int signal);
  State GetState();
  int PollTimeout(const State& state) const;

  Client& client_;
  Console& console_;
  SignalFd& signals_;
  const SessionStreams streams_;
  const std::string distro_name_;
  v1::Start start_;
  bool has_terminal_ = false;
  const absl::Time begin_;
  std::shared_ptr<RawTerminal> terminal_;
  std::shared_ptr<InputPump> pump_;
  WakeFd changed_;
  std::thread reader_;

  // Of the reading thread.
  std::shared_ptr<grpc::Channel> channel_;
  std::string attach_token_;
  int64_t stdout_offset_ = 0;
  int64_t stderr_offset_ = 0;

  // Of the waiting thread.
  absl::Time interrupts_[2] = {absl::InfinitePast(), absl::InfinitePast()};
  int unheard_steps_ = 0;
  absl::Time unheard_next_ = absl::InfinitePast();
  std::optional<std::string> announced_;
  bool lost_announced_ = false;

  absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_);
  std::string session_id_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<SessionStream> stream_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_SESSION_SESSION_CLIENT_H_
