// InstanceManager's part of hibernation: the VM sleeps with all distros in it, or not at all.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "daemon/instances/instance_manager.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {

absl::StatusOr<std::vector<std::string>> InstanceManager::HibernatableLocked() const {
  std::vector<std::string> ids;
  for (const auto& [id, slot] : slots_) {
    if (slot.version != 2 || slot.state == v1::DISTRO_STATE_STOPPED || slot.state == v1::DISTRO_STATE_HIBERNATED) {
      continue;
    }
    const std::string name = absl::StrCat("'", Escaped(slot.name), "'");
    if (slot.state != v1::DISTRO_STATE_RUNNING) {
      return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroBusy,
                   absl::StrCat("The distro ", name, " is just starting or stopping."), {{"distro", slot.name}});
    }
    RETURN_IF_ERROR(locks_.CheckFree(id, slot.name));
    if (slot.uses > 0) {
      return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroRunning,
                   absl::StrCat("Somebody works in the distro ", name,
                                ", or copies its files: 'wslm sessions' shows who is attached."),
                   {{"distro", slot.name}});
    }
    ids.push_back(id);
  }
  return ids;
}

absl::StatusOr<std::vector<std::string>> InstanceManager::HibernateVm() {
  std::unique_lock lock(mutex_);
  settled_.wait(lock, [this] { return !hibernating_; });
  ASSIGN_OR_RETURN(const std::vector<std::string> ids, HibernatableLocked());
  if (ids.empty()) {
    lock.unlock();
    // They sleep already.
    std::vector<std::string> asleep = v2_.hibernated();
    if (!asleep.empty()) return asleep;
    return Error(absl::StatusCode::kFailedPrecondition, reason::kRuntimeDied, "No version 2 distro runs.");
  }
  std::vector<std::string> names;
  for (const std::string& id : ids) {
    slots_[id].state = v1::DISTRO_STATE_STOPPING;
    slots_[id].falling_asleep = true;
    names.push_back(slots_[id].name);
  }
  vm_stopping_ = hibernating_ = true;
  lock.unlock();
  for (const std::string& id : ids) changed_(id);
  const absl::Time begin = absl::Now();
  const absl::Status status = v2_.Hibernate();
  const std::string which = absl::StrJoin(names, ", ");
  if (status.ok()) {
    log_.Info(absl::StrCat("hibernated ", which, " in ", Shown(absl::Now() - begin)));
  } else {
    log_.Warning(absl::StrCat("cannot hibernate ", which, ": ", status.message()));
  }
  lock.lock();
  vm_stopping_ = hibernating_ = false;
  vm_quiet_since_.reset();
  for (const std::string& id : ids) {
    Slot& slot = slots_[id];
    // It was woken already.
    if (!std::exchange(slot.falling_asleep, false)) continue;
    slot.state =
        status.ok() ? v1::DISTRO_STATE_HIBERNATED : (slot.exited ? v1::DISTRO_STATE_STOPPED : v1::DISTRO_STATE_RUNNING);
    if (slot.state == v1::DISTRO_STATE_RUNNING) continue;
    ended_.push_back(std::move(slot.instance));
    slot.instance = nullptr;
    slot.sessions = 0;
    vm_unused_since_ = absl::Now();
  }
  lock.unlock();
  settled_.notify_all();
  housekeeper_wake_.notify_all();
  for (const std::string& id : ids) changed_(id);
  RETURN_IF_ERROR(status);
  return ids;
}

void InstanceManager::HibernateWhenQuiet() {
  {
    std::lock_guard lock(mutex_);
    const auto ids = HibernatableLocked();
    if (!ids.ok() || ids->empty()) {
      vm_quiet_since_.reset();
      return;
    }
    if (!vm_quiet_since_) vm_quiet_since_ = absl::Now();
    if (absl::Now() - *vm_quiet_since_ < timing_.hibernate_timeout) return;
    // A failure is logged, and tried again after the next quiet time.
    vm_quiet_since_.reset();
  }
  if (quiet_) quiet_();
}

absl::Status InstanceManager::WakeLocked(std::unique_lock<std::mutex>& lock, Slot& slot, const Note& note) {
  if (slot.state != v1::DISTRO_STATE_HIBERNATED) return absl::OkStatus();
  const std::string name = slot.name;
  lock.unlock();
  const absl::Status woken = v2_.Wake([&](const std::string& text) {
    log_.Info(absl::StrCat("waking ", name, ": ", text));
    if (note) note(text);
  });
  if (!woken.ok()) log_.Error(absl::StrCat("cannot wake ", name, ": ", woken.message()));
  lock.lock();
  // Woken has said what it is now, unless nobody is told any more. It may sleep again by now.
  if (slot.state == v1::DISTRO_STATE_HIBERNATED && v2_.hibernated().empty()) slot.state = v1::DISTRO_STATE_STOPPED;
  return woken;
}

InstanceManager::Instances InstanceManager::Woken(const Instances& found) {
  Instances unknown;
  std::vector<std::string> changed;
  {
    std::lock_guard lock(mutex_);
    for (const auto& instance : found) {
      Slot& slot = slots_[instance->distro_id()];
      if (slot.state != v1::DISTRO_STATE_HIBERNATED && !slot.falling_asleep) {
        unknown.push_back(instance);
        continue;
      }
      slot.state = v1::DISTRO_STATE_RUNNING;
      slot.falling_asleep = false;
      // That of before its sleep, when HibernateVm has not come to it yet.
      ended_.push_back(std::exchange(slot.instance, instance));
      slot.exited = false;
      slot.idle_since.reset();
      changed.push_back(instance->distro_id());
    }
    for (auto& [id, slot] : slots_) {
      if (slot.state != v1::DISTRO_STATE_HIBERNATED && !slot.falling_asleep) continue;
      slot.state = v1::DISTRO_STATE_STOPPED;
      slot.falling_asleep = false;
      ended_.push_back(std::exchange(slot.instance, nullptr));
      slot.start_error = absl::OkStatus();
      changed.push_back(id);
    }
    vm_unused_since_ = absl::Now();
    vm_quiet_since_.reset();
  }
  log_.Info(found.empty() ? "the VM that slept has ended" : "the VM that slept goes on");
  settled_.notify_all();
  for (const std::string& id : changed) changed_(id);
  return unknown;
}

}  // namespace wslm::daemon
