// The server's end of a watch: writes what a source has, one message at a time, and sleeps while it has nothing.
//
// A subclass says in Take what comes next; whoever has something new calls Wake. The object lives, by a reference to
// itself, till gRPC is done with it; weak references may be kept to wake it.
#ifndef WSLM_DAEMON_SERVICES_WATCH_REACTOR_H_
#define WSLM_DAEMON_SERVICES_WATCH_REACTOR_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <mutex>
#include <optional>
#include <variant>

#include "absl/status/status.h"
#include "daemon/server/status.h"

namespace wslm::daemon {

template <class Response>
class WatchReactor : public grpc::ServerWriteReactor<Response>,
                     public std::enable_shared_from_this<WatchReactor<Response>> {
 public:
  // Nothing now (monostate), a message, or the end.
  using Step = std::variant<std::monostate, Response, absl::Status>;

  // Begins; call it once, on an object held by a shared_ptr.
  void Start() {
    {
      std::lock_guard lock(mutex_);
      self_ = this->shared_from_this();
      busy_ = false;
    }
    Wake();
  }

  // There may be something new. From any thread; does not block.
  void Wake() {
    std::unique_lock lock(mutex_);
    if (busy_ || finished_) return;
    if (cancelled_) {
      finished_ = true;
      lock.unlock();
      this->Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the watch was closed"));
      return;
    }
    Step step = Take();
    if (std::holds_alternative<std::monostate>(step)) return;
    if (auto* status = std::get_if<absl::Status>(&step)) {
      finished_ = true;
      const grpc::Status end = ToGrpcStatus(*status);
      lock.unlock();
      this->Finish(end);
      return;
    }
    busy_ = true;
    response_ = std::move(std::get<Response>(step));
    lock.unlock();
    this->StartWrite(&response_);
  }

  void OnWriteDone(bool ok) override {
    {
      std::lock_guard lock(mutex_);
      busy_ = false;
      if (!ok) cancelled_ = true;
    }
    Wake();
  }

  void OnCancel() override {
    {
      std::lock_guard lock(mutex_);
      cancelled_ = true;
    }
    Wake();
  }

  void OnDone() override {
    Ended();
    // May destroy this.
    auto self = std::move(self_);
  }

 protected:
  // What to do next. Called under a lock of the reactor's, never twice at once.
  virtual Step Take() = 0;
  // The call is over, however it ended.
  virtual void Ended() {}

 private:
  std::mutex mutex_;
  std::shared_ptr<WatchReactor> self_;
  Response response_;
  // A write is under way, or Start was not called yet.
  bool busy_ = true;
  bool cancelled_ = false;
  bool finished_ = false;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVICES_WATCH_REACTOR_H_
