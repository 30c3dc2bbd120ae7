#include "daemon/events/event_bus.h"

#include <utility>

#include "daemon/timestamps.h"

namespace wslm::daemon {

void EventBus::DistroChanged(v1::ChangeKind change, const v1::Distro& distro) {
  v1::WatchEventsResponse event;
  event.mutable_distro()->set_change(change);
  *event.mutable_distro()->mutable_distro() = distro;
  Publish(std::move(event));
}

void EventBus::OperationChanged(v1::ChangeKind change, const v1::Operation& operation) {
  v1::WatchEventsResponse event;
  event.mutable_operation()->set_change(change);
  *event.mutable_operation()->mutable_operation() = operation;
  Publish(std::move(event));
}

void EventBus::SessionChanged(v1::ChangeKind change, const v1::Session& session) {
  v1::WatchEventsResponse event;
  event.mutable_session()->set_change(change);
  *event.mutable_session()->mutable_session() = session;
  Publish(std::move(event));
}

void EventBus::LimitReached(const v1::LimitReached& limit) {
  v1::WatchEventsResponse event;
  *event.mutable_limit() = limit;
  Publish(std::move(event));
}

void EventBus::Incident(const v1::Incident& incident) {
  v1::WatchEventsResponse event;
  *event.mutable_incident() = incident;
  Publish(std::move(event));
}

std::shared_ptr<EventBus::Subscription> EventBus::Watch(std::function<void()> wake) {
  auto watch = std::make_shared<Subscription>(std::move(wake));
  v1::WatchEventsResponse ready;
  ready.mutable_ready();
  ready.set_boot_id(boot_id_);
  *ready.mutable_time() = ToTimestamp(absl::Now());
  std::lock_guard lock(mutex_);
  // The number of the last event before: the next one has the next number.
  ready.set_sequence(sequence_);
  watch->queue_.push_back(std::move(ready));
  watches_.push_back(watch);
  return watch;
}

void EventBus::Publish(v1::WatchEventsResponse event) {
  event.set_boot_id(boot_id_);
  *event.mutable_time() = ToTimestamp(absl::Now());
  std::vector<std::shared_ptr<Subscription>> watches;
  {
    std::lock_guard lock(mutex_);
    event.set_sequence(++sequence_);
    std::erase_if(watches_, [](const auto& watch) { return watch.expired(); });
    for (const auto& weak : watches_) {
      if (auto watch = weak.lock()) {
        watch->Add(event);
        watches.push_back(std::move(watch));
      }
    }
  }
  for (const auto& watch : watches) watch->wake_();
}

std::optional<v1::WatchEventsResponse> EventBus::Subscription::Next() {
  std::lock_guard lock(mutex_);
  if (queue_.empty()) return std::nullopt;
  v1::WatchEventsResponse event = std::move(queue_.front());
  queue_.pop_front();
  return event;
}

bool EventBus::Subscription::overflowed() const {
  std::lock_guard lock(mutex_);
  return overflowed_;
}

void EventBus::Subscription::Add(const v1::WatchEventsResponse& event) {
  std::lock_guard lock(mutex_);
  if (overflowed_) return;
  if (queue_.size() >= kMaxBehind) {
    overflowed_ = true;
    return;
  }
  queue_.push_back(event);
}

}  // namespace wslm::daemon
