// A session that can't begin yet: what its client sends meanwhile is kept, which the stream's credit bounds.
#ifndef WSLM_RUNTIME_V1_INIT_WAITING_SESSION_H_
#define WSLM_RUNTIME_V1_INIT_WAITING_SESSION_H_

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "runtime-v1/init/host_stream.h"

namespace wslm::init {

// Not thread-safe; lives on the loop's thread.
class WaitingSession : public StreamHandler {
 public:
  explicit WaitingSession(std::shared_ptr<HostStream> stream) : stream_(std::move(stream)) {}

  // Serves the stream by what `start` answers for it (null: ended already) from now on, unless its client has gone.
  void Begin(const std::function<std::shared_ptr<StreamHandler>(const std::shared_ptr<HostStream>&)>& start) {
    if (stream_ == nullptr) return;
    session_ = start(std::exchange(stream_, nullptr));
    for (const auto& [message, cost] : std::exchange(messages_, {})) {
      if (session_ != nullptr) session_->OnMessage(message, cost);
    }
  }

  void OnMessage(const proto::HostMessage& message, size_t cost) override {
    if (session_ != nullptr) {
      session_->OnMessage(message, cost);
    } else if (stream_ != nullptr) {
      messages_.emplace_back(message, cost);
    }
  }
  void OnWritable() override {
    if (session_ != nullptr) session_->OnWritable();
  }
  void OnGone() override {
    stream_ = nullptr;
    if (session_ != nullptr) session_->OnGone();
  }

 private:
  // Null once begun or gone.
  std::shared_ptr<HostStream> stream_;
  std::shared_ptr<StreamHandler> session_;
  std::vector<std::pair<proto::HostMessage, size_t>> messages_;
};

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_WAITING_SESSION_H_
