// Tells watchers what changes: distros, operations, sessions.
//
//   auto watch = bus.Watch([] { wake the writer; });
//   while (auto event = watch->Next()) Send(*event);
//   if (watch->overflowed()) ...RESYNC_REQUIRED
//
// Each watch has a bounded queue of its own: one that is not read fast enough overflows and gets nothing more.
// Thread-safe.
#ifndef WSLM_DAEMON_EVENTS_EVENT_BUS_H_
#define WSLM_DAEMON_EVENTS_EVENT_BUS_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "wslm/v1/event.pb.h"

namespace wslm::daemon {

class EventBus {
 public:
  class Subscription;

  // Events a watch may be behind.
  static constexpr size_t kMaxBehind = 1024;

  explicit EventBus(std::string boot_id) : boot_id_(std::move(boot_id)) {}

  const std::string& boot_id() const { return boot_id_; }

  void DistroChanged(v1::ChangeKind change, const v1::Distro& distro);
  void OperationChanged(v1::ChangeKind change, const v1::Operation& operation);
  void SessionChanged(v1::ChangeKind change, const v1::Session& session);
  void LimitReached(const v1::LimitReached& limit);
  void Incident(const v1::Incident& incident);

  // A subscription whose first event is `ready`. `wake` is called, from any thread and never within Watch, whenever
  // there may be something to take; it must not block. The watch ends when the result goes.
  std::shared_ptr<Subscription> Watch(std::function<void()> wake);

 private:
  void Publish(v1::WatchEventsResponse event);

  const std::string boot_id_;
  std::mutex mutex_;
  int64_t sequence_ = 0;
  std::vector<std::weak_ptr<Subscription>> watches_;
};

class EventBus::Subscription {
 public:
  explicit Subscription(std::function<void()> wake) : wake_(std::move(wake)) {}

  // The next event; nullopt when there is none just now.
  std::optional<v1::WatchEventsResponse> Next();
  // An event was lost; Next still gives those before it.
  bool overflowed() const;

 private:
  friend class EventBus;
  void Add(const v1::WatchEventsResponse& event);

  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::deque<v1::WatchEventsResponse> queue_;
  bool overflowed_ = false;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_EVENTS_EVENT_BUS_H_
