// One command with its streams, and the client that listens to it, if any.
//
// A session goes through: starting (until exec), running, ended (the command is gone, output may still have to be
// sent). Clients come and go meanwhile; each brings its own HostStream.
#ifndef WSLM_RUNTIME_V1_INIT_SESSION_H_
#define WSLM_RUNTIME_V1_INIT_SESSION_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "distros/host/event_loop.h"
#include "runtime-v1/init/host_stream.h"
#include "runtime-v1/init/launch.h"
#include "runtime-v1/init/outlet.h"
#include "runtime-v1/init/plan.h"
#include "runtime-v1/init/stdin_queue.h"

namespace wslm::init {

// How long things wait; tests shorten them.
struct SessionTimes {
  // A session without a client, until it is hung up.
  std::chrono::milliseconds unattended{30'000};
  // How a command ended, until it is forgotten.
  std::chrono::milliseconds ended{60'000};
  // What others than the command still write, after it ended.
  std::chrono::milliseconds grace{200};
};

// Not thread-safe; lives on the loop's thread.
class Session : public StreamHandler, public std::enable_shared_from_this<Session> {
 public:
  // `forget` is called when nobody can want the session any more; it may drop the last reference.
  Session(EventLoop& loop, const SessionTimes& times, const proto::SessionStart& start, PlannedSession plan,
          std::function<void(Session&)> forget);
  ~Session() override;

  // Makes the process; its first client is `stream`. Failure: there is none, forget the session.
  std::optional<proto::StreamEnd> Start(std::shared_ptr<HostStream> stream);
  // Takes the session over; only when started().
  void Attach(const proto::SessionAttach& request, std::shared_ptr<HostStream> stream);
  // The process ended, with waitpid's status.
  void OnExit(int wait_status);
  // To the foreground process group. Nothing happens when the command has ended.
  void Signal(int number);
  // To the command's own process group, while it runs.
  void SignalLeader(int number);
  // Lets it go on without a client.
  void SetDetached();
  // As a terminal that is closed: SIGHUP and SIGCONT to the command's group.
  void HangUp();

  const std::string& id() const { return id_; }
  pid_t pid() const { return launched_.pid; }
  bool started() const { return started_; }
  // The command still runs.
  bool running() const { return !wait_status_.has_value(); }
  bool has_terminal() const { return plan_.launch.terminal(); }
  bool attached() const { return stream_ != nullptr; }
  proto::SessionInfo Info() const;

  void OnMessage(const proto::HostMessage& message, size_t cost) override;
  void OnWritable() override { Advance(); }
  void OnGone() override;

 private:
  void MakeOutlets();
  // What the child says before exec.
  void OnReport();
  // The demanded folder, user or terminal can't be had.
  void Refuse(const LaunchReport& report);
  void OnEvents(int fd, uint32_t events);
  // Does all that can be done now: stdin in, output out, the end; then asks the loop for the rest.
  void Advance();
  void AdvanceStdin();
  // Closes what no outlet reads any more.
  void CloseSources();
  void TellEnd();
  void WatchDescriptors();
  void ForgetDescriptors();
  // Starts the clock of a session that nobody is attached to, or stops it.
  void RestartClock();
  void OnClock();
  std::vector<int> Descriptors() const;
  int StdinDescriptor() const { return plan_.launch.stdin_terminal ? launched_.terminal.get() : launched_.stdin.get(); }

  EventLoop& loop_;
  const SessionTimes times_;
  const std::string id_;
  const PlannedSession plan_;
  const std::function<void(Session&)> forget_;
  const std::chrono::system_clock::time_point start_time_;
  bool detached_;
  bool started_ = false;
  std::vector<std::string> warnings_;
  Launched launched_;
  std::vector<Outlet> outlets_;
  StdinQueue stdin_;
  bool stdin_eof_ = false;
  std::optional<int> wait_status_;
  std::shared_ptr<HostStream> stream_;
  EventLoop::Timer clock_ = 0;
  EventLoop::Timer grace_ = 0;
};

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_SESSION_H_
