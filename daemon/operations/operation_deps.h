// What the operations on distros work with. All of it outlives them.
#ifndef WSLM_DAEMON_OPERATIONS_OPERATION_DEPS_H_
#define WSLM_DAEMON_OPERATIONS_OPERATION_DEPS_H_

#include "daemon/events/event_bus.h"
#include "daemon/instances/instance_manager.h"
#include "daemon/log.h"
#include "daemon/operations/distro_locks.h"
#include "daemon/services/distro_views.h"
#include "daemon/transfers/transfer_registry.h"
#include "distros/registry/registry.h"

namespace wslm::daemon {

struct OperationDeps {
  Registry& registry;
  InstanceManager& instances;
  DistroLocks& locks;
  TransferRegistry& transfers;
  DistroViews& views;
  EventBus& events;
  Log& log;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_OPERATION_DEPS_H_
