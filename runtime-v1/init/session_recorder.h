// What a session's client has seen, for tests.
#ifndef WSLM_RUNTIME_V1_INIT_SESSION_RECORDER_H_
#define WSLM_RUNTIME_V1_INIT_SESSION_RECORDER_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "wslm/runtime/v1/channel.h"

namespace wslm::init {

class SessionRecorder : public ::wslm::runtime::v1::StreamObserver {
 public:
  struct Seen {
    std::optional<::wslm::runtime::v1::SessionStarted> started;
    std::optional<::wslm::runtime::v1::SessionAttached> attached;
    std::optional<::wslm::runtime::v1::SessionExited> exited;
    std::string stdout;
    std::string stderr;
    // Payload bytes not given credit for.
    size_t unconsumed = 0;
    std::optional<absl::Status> end;
  };

  void OnMessage(const ::wslm::runtime::v1::GuestMessage& message, size_t payload_bytes) override {
    std::shared_ptr<::wslm::runtime::v1::Stream> stream;
    size_t consumed = 0;
    {
      const std::lock_guard lock(mutex_);
      if (message.has_started()) seen_.started = message.started();
      if (message.has_attached()) seen_.attached = message.attached();
      if (message.has_exited()) seen_.exited = message.exited();
      seen_.stdout += message.stdout();
      seen_.stderr += message.stderr();
      seen_.unconsumed += payload_bytes;
      if (stream_) {
        stream = stream_;
        consumed = std::exchange(seen_.unconsumed, 0);
      }
    }
    if (stream) stream->Consumed(consumed);
    changed_.notify_all();
  }
  void OnEnd(const absl::Status& status) override {
    const std::lock_guard lock(mutex_);
    seen_.end = status;
    changed_.notify_all();
  }

  // From now on everything is consumed at once.
  void Consume(std::shared_ptr<::wslm::runtime::v1::Stream> stream) {
    size_t consumed = 0;
    {
      const std::lock_guard lock(mutex_);
      stream_ = stream;
      consumed = std::exchange(seen_.unconsumed, 0);
    }
    stream->Consumed(consumed);
  }
  void StopConsuming() {
    const std::lock_guard lock(mutex_);
    stream_.reset();
  }

  // False: `condition` did not come true within 20 s.
  bool WaitUntil(const std::function<bool(const Seen&)>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return condition(seen_); });
  }
  bool WaitEnd() {
    return WaitUntil([](const Seen& seen) { return seen.end.has_value(); });
  }
  Seen seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Seen seen_;
  std::shared_ptr<::wslm::runtime::v1::Stream> stream_;
};

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_SESSION_RECORDER_H_
