// wslm.v1.EventService over the event bus.
#ifndef WSLM_DAEMON_SERVICES_EVENT_SERVICE_H_
#define WSLM_DAEMON_SERVICES_EVENT_SERVICE_H_

#include "daemon/events/event_bus.h"
#include "wslm/v1/event.grpc.pb.h"

namespace wslm::daemon {

class EventService final : public v1::EventService::CallbackService {
 public:
  explicit EventService(EventBus& bus) : bus_(bus) {}

  grpc::ServerWriteReactor<v1::WatchEventsResponse>* WatchEvents(grpc::CallbackServerContext* context,
                                                                 const v1::WatchEventsRequest* request) override;

 private:
  EventBus& bus_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVICES_EVENT_SERVICE_H_
