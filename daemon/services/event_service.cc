#include "daemon/services/event_service.h"

#include <memory>
#include <utility>

#include "daemon/services/watch_reactor.h"
#include "distros/host/error.h"

namespace wslm::daemon {
namespace {

class EventReactor : public WatchReactor<v1::WatchEventsResponse> {
 public:
  void Begin(EventBus& bus) {
    watch_ = bus.Watch([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->Wake();
    });
    Start();
  }

 private:
  Step Take() override {
    if (auto event = watch_->Next()) return std::move(*event);
    if (watch_->overflowed()) {
      return Error(absl::StatusCode::kAborted, reason::kResyncRequired,
                   "This watcher was too slow and events were lost: list again, then watch.");
    }
    return std::monostate();
  }

  std::shared_ptr<EventBus::Subscription> watch_;
};

}  // namespace

grpc::ServerWriteReactor<v1::WatchEventsResponse>* EventService::WatchEvents(grpc::CallbackServerContext*,
                                                                             const v1::WatchEventsRequest*) {
  auto reactor = std::make_shared<EventReactor>();
  reactor->Begin(bus_);
  return reactor.get();
}

}  // namespace wslm::daemon
