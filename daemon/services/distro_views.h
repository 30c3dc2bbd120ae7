// A distro as clients see it: its record, and what is being done with it just now.
#ifndef WSLM_DAEMON_SERVICES_DISTRO_VIEWS_H_
#define WSLM_DAEMON_SERVICES_DISTRO_VIEWS_H_

#include <string>

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
  // As it will be when the operation that holds it is done.
  v1::Distro AfterOperation(const RegistryEntry& entry);

  // Publishes the present state of a registered distro; nothing when it is not.
  void Publish(const std::string& distro_id, v1::ChangeKind change);

 private:
  v1::Distro FromRecord(const RegistryEntry& entry);

  Registry& registry_;
  InstanceManager& instances_;
  DistroLocks& locks_;
  EventBus& events_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVICES_DISTRO_VIEWS_H_
