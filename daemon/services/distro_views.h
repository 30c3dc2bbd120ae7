// A distro as clients see it: its record, and what is being done with it just now.
#ifndef WSLM_DAEMON_SERVICES_DISTRO_VIEWS_H_
#define WSLM_DAEMON_SERVICES_DISTRO_VIEWS_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/events/event_bus.h"
#include "daemon/instances/instance_manager.h"
#include "daemon/operations/distro_locks.h"
#include "distros/registry/registry.h"
#include "wslm/v1/distro.pb.h"

namespace wslm::daemon {

v1::DistroRef RefOf(const DistroRecord& record);

// Thread-safe.
class DistroViews {
 public:
  // All outlive it.
  DistroViews(Registry& registry, InstanceManager& instances, DistroLocks& locks, EventBus& events)
      : registry_(registry), instances_(instances), locks_(locks), events_(events) {}

  // Asks a running distro for its sessions, so it takes a moment.
  v1::Distro Of(const RegistryEntry& entry);
  // All that are registered or being made: the default first, then by name.
  std::vector<v1::Distro> All();
  // As Registry::Find, and those being made.
  absl::StatusOr<v1::Distro> Find(const std::string& id_or_name);
  // As it will be when the operation that holds it is done.
  v1::Distro AfterOperation(const RegistryEntry& entry);

  // Publishes the present state of a registered distro; nothing when it is not.
  void Publish(const std::string& distro_id, v1::ChangeKind change);

  // Has All and Find know a distro that is being made, as long as the answer lives. It tells watchers when it appears
  // by this, and when it disappears since it was not registered.
  std::shared_ptr<void> ShowInMaking(const RegistryEntry& entry);

 private:
  void EndMaking(const RegistryEntry& entry);
  v1::Distro FromRecord(const RegistryEntry& entry);

  Registry& registry_;
  InstanceManager& instances_;
  DistroLocks& locks_;
  EventBus& events_;
  std::mutex making_mutex_;
  // By id.
  std::map<std::string, RegistryEntry> making_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVICES_DISTRO_VIEWS_H_
