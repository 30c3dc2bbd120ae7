#include "daemon/operations/held_distro.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {

absl::StatusOr<RegistryEntry> HoldDistro(const std::string& distro, const DistroLocks::Holder& holder, bool terminate,
                                         OperationDeps deps, OperationPlan& plan,
                                         const std::function<absl::Status(const RegistryEntry&)>& check) {
  ASSIGN_OR_RETURN(const RegistryEntry found, deps.registry.Find(distro));
  ASSIGN_OR_RETURN(auto lock, deps.locks.Take(found.record.id, found.record.name, holder));
  plan.locks.push_back(std::move(lock));
  // Nothing changes it any more.
  ASSIGN_OR_RETURN(RegistryEntry entry, deps.registry.Find(found.record.id));
  RETURN_IF_ERROR(entry.CheckUsable());
  if (check) RETURN_IF_ERROR(check(entry));
  RETURN_IF_ERROR(deps.instances.CheckStoppable(entry, terminate));
  plan.distros.push_back(RefOf(entry.record));
  plan.changed.push_back([deps, id = entry.record.id] { deps.views.Publish(id, v1::CHANGE_KIND_UPDATED); });
  return entry;
}

absl::Status HoldNewName(const std::string& name, const DistroLocks::Holder& holder, OperationDeps deps,
                         OperationPlan& plan) {
  RETURN_IF_ERROR(CheckDistroName(name));
  ASSIGN_OR_RETURN(auto lock, deps.locks.Take(DistroLocks::NameKey(name), name, holder));
  plan.locks.push_back(std::move(lock));
  const auto other = deps.registry.Find(name);
  if (!other.ok()) return absl::OkStatus();
  const std::string& taken = other->record.name;
  return Error(absl::StatusCode::kAlreadyExists, reason::kDistroExists,
               absl::StrCat("There is a distro called '", taken, "' already. Choose another name, or remove it ",
                            "with 'wslm unregister ", taken, "'."),
               {{"distro", taken}});
}

absl::Status HoldNewDistro(const DistroRecord& record, const DistroLocks::Holder& holder, OperationDeps deps,
                           OperationPlan& plan) {
  ASSIGN_OR_RETURN(auto lock, deps.locks.Take(record.id, record.name, holder));
  plan.locks.push_back(std::move(lock));
  plan.distros.push_back(RefOf(record));
  plan.shown = deps.views.ShowInMaking({.record = record});
  plan.changed.push_back([deps, id = record.id] { deps.views.Publish(id, v1::CHANGE_KIND_UPDATED); });
  return absl::OkStatus();
}

}  // namespace wslm::daemon
