#include "daemon/instances/instance_calls.h"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/time/clock.h"
#include "distros/host/error.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {
namespace {

constexpr absl::Duration kListTimeout = absl::Seconds(5);
constexpr size_t kMaxOutput = 64 * 1024;
constexpr auto kCancelPoll = std::chrono::milliseconds(100);

class CommandObserver : public runtime::v1::StreamObserver {
 public:
  void OnMessage(const runtime::v1::GuestMessage& message, size_t payload_bytes) override {
    std::shared_ptr<runtime::v1::Stream> stream;
    {
      std::lock_guard lock(mutex_);
      for (const std::string* piece : {&message.stdout(), &message.stderr()}) {
        result_.output += piece->substr(0, kMaxOutput - result_.output.size());
      }
      if (message.has_exited()) {
        result_.code = message.exited().has_signal() ? 128 + message.exited().signal() : message.exited().code();
        exited_ = true;
      }
      consumed_ += payload_bytes;
      stream = stream_;
      if (stream != nullptr) payload_bytes = std::exchange(consumed_, 0);
    }
    if (stream != nullptr) stream->Consumed(payload_bytes);
  }

  void OnEnd(const absl::Status& status) override {
    std::lock_guard lock(mutex_);
    ended_ = true;
    status_ = status;
    stream_ = nullptr;
    changed_.notify_all();
  }

  void SetStream(std::shared_ptr<runtime::v1::Stream> stream) {
    size_t consumed;
    {
      std::lock_guard lock(mutex_);
      if (ended_) return;
      stream_ = stream;
      consumed = std::exchange(consumed_, 0);
    }
    stream->Consumed(consumed);
  }

  absl::StatusOr<CommandResult> Wait(absl::Duration timeout, const std::function<absl::Status()>& check_cancelled) {
    const absl::Time deadline = absl::Now() + timeout;
    std::unique_lock lock(mutex_);
    while (!ended_) {
      changed_.wait_for(lock, kCancelPoll);
      RETURN_IF_ERROR(check_cancelled());
      if (!ended_ && absl::Now() > deadline) {
        return Error(absl::StatusCode::kDeadlineExceeded, reason::kStartFailed,
                     "A command inside the distro did not end in time.");
      }
    }
    if (!exited_) return status_.ok() ? absl::InternalError("The session ended without a result.") : status_;
    return result_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<runtime::v1::Stream> stream_;
  CommandResult result_;
  size_t consumed_ = 0;
  bool exited_ = false;
  bool ended_ = false;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<runtime::v1::InstanceStats> StatsOf(runtime::v1::Channel& channel, const std::string& distro_id,
                                                   absl::Duration timeout) {
  runtime::v1::OpenRequest request;
  request.set_distro_id(distro_id);
  request.mutable_stats();
  ASSIGN_OR_RETURN(const auto answer, channel.Call(request, timeout));
  return answer.stats();
}

absl::StatusOr<runtime::v1::SessionList> SessionsOf(runtime::v1::Channel& channel, const std::string& distro_id) {
  runtime::v1::OpenRequest request;
  request.set_distro_id(distro_id);
  request.mutable_session_list();
  ASSIGN_OR_RETURN(const auto answer, channel.Call(request, kListTimeout));
  return answer.session_list();
}

absl::StatusOr<CommandResult> RunCommand(runtime::v1::Channel& channel, const std::string& distro_id,
                                         const std::vector<std::string>& argv, absl::Duration timeout,
                                         const std::function<absl::Status()>& check_cancelled) {
  runtime::v1::OpenRequest request;
  request.set_distro_id(distro_id);
  auto* start = request.mutable_session_start();
  start->set_session_id("s-" + RandomHex(8));
  start->set_user("root");
  start->set_shell(runtime::v1::SHELL_NONE);
  start->set_folder("/");
  for (const auto& argument : argv) start->add_argv(argument);

  auto observer = std::make_shared<CommandObserver>();
  const auto stream = channel.Open(request, observer);
  observer->SetStream(stream);
  runtime::v1::HostMessage end_of_input;
  end_of_input.set_eof(true);
  stream->Send(end_of_input);
  auto result = observer->Wait(timeout, check_cancelled);
  stream->Close();
  return result;
}

}  // namespace wslm::daemon
