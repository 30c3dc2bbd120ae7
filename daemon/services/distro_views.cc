#include "daemon/services/distro_views.h"

#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/timestamps.h"
#include "distros/host/error.h"

namespace wslm::daemon {
namespace {

v1::DistroState StateDuring(const DistroLocks::Holder& holder) {
  if (holder.makes) return v1::DISTRO_STATE_INSTALLING;
  switch (holder.kind) {
    case v1::OPERATION_KIND_EXPORT:
    case v1::OPERATION_KIND_PUSH:
      return v1::DISTRO_STATE_EXPORTING;
    case v1::OPERATION_KIND_CONVERT:
      return v1::DISTRO_STATE_CONVERTING;
    case v1::OPERATION_KIND_DELETE:
      return v1::DISTRO_STATE_DELETING;
    case v1::OPERATION_KIND_CLONE:
      return v1::DISTRO_STATE_CLONING;
    case v1::OPERATION_KIND_RESIZE:
      return v1::DISTRO_STATE_RESIZING;
    case v1::OPERATION_KIND_TRIM:
      return v1::DISTRO_STATE_TRIMMING;
    case v1::OPERATION_KIND_CHECK:
      return v1::DISTRO_STATE_CHECKING;
    case v1::OPERATION_KIND_COMPARE:
      return v1::DISTRO_STATE_COMPARING;
    default:
      return v1::DISTRO_STATE_UNSPECIFIED;
  }
}

// Nothing where the image can't be looked at: whoever uses it says why.
void SetDisk(const RegistryEntry& entry, v1::Distro& distro) {
  const DistroRecord& record = entry.record;
  struct stat st {};
  const bool raw = record.version == 2 && (record.image_driver.empty() || record.image_driver == "raw");
  if (!raw || ::stat(entry.image().c_str(), &st) != 0) return;
  distro.set_disk_size(st.st_size);
  distro.set_disk_used(int64_t{st.st_blocks} * 512);
}

}  // namespace

v1::DistroRef RefOf(const DistroRecord& record) {
  v1::DistroRef ref;
  ref.set_id(record.id);
  ref.set_name(Escaped(record.name));
  return ref;
}

v1::Distro DistroViews::FromRecord(const RegistryEntry& entry) {
  const DistroRecord& record = entry.record;
  v1::Distro distro;
  distro.set_id(record.id);
  distro.set_name(Escaped(record.name));
  distro.set_is_default(record.id == registry_.default_id());
  distro.set_location(Escaped(entry.files_folder()));
  if (!entry.broken_reason.empty()) {
    distro.set_state(v1::DISTRO_STATE_BROKEN);
    distro.set_broken_reason(Escaped(entry.broken_reason));
    return distro;
  }
  distro.set_version(static_cast<v1::DistroVersion>(record.version));
  distro.set_default_user(Escaped(record.default_user));
  distro.set_protected_(record.is_protected);
  distro.set_isolated(record.isolated);
  distro.set_flavor(Escaped(record.flavor));
  distro.set_os_version(Escaped(record.os_version));
  *distro.mutable_create_time() = ToTimestamp(record.create_time_ns);
  distro.set_etag(absl::StrCat(record.revision));
  distro.set_image_path(Escaped(record.image_path));
  SetDisk(entry, distro);
  if (!record.container.empty()) {
    auto& container = *distro.mutable_container();
    for (const auto& variable : record.container.environment) container.add_environment(Escaped(variable));
    container.set_working_dir(Escaped(record.container.working_dir));
    for (const auto& word : record.container.entrypoint) container.add_entrypoint(Escaped(word));
    for (const auto& word : record.container.cmd) container.add_cmd(Escaped(word));
    for (const auto& port : record.container.exposed_ports) container.add_exposed_ports(Escaped(port));
    container.set_stop_signal(Escaped(record.container.stop_signal));
    for (const auto& [key, value] : record.container.labels) {
      (*container.mutable_labels())[Escaped(key)] = Escaped(value);
    }
  }
  return distro;
}

v1::Distro DistroViews::AfterOperation(const RegistryEntry& entry) {
  v1::Distro distro = FromRecord(entry);
  if (distro.state() != v1::DISTRO_STATE_BROKEN) distro.set_state(instances_.StateOf(entry.record.id));
  return distro;
}

v1::Distro DistroViews::Of(const RegistryEntry& entry) {
  v1::Distro distro = AfterOperation(entry);
  if (distro.state() == v1::DISTRO_STATE_BROKEN) return distro;
  if (const auto holder = locks_.HolderOf(entry.record.id)) {
    distro.set_operation_id(holder->operation_id);
    if (const auto state = StateDuring(*holder); state != v1::DISTRO_STATE_UNSPECIFIED) distro.set_state(state);
  }
  distro.set_session_count(instances_.SessionCount(entry.record.id));
  return distro;
}

std::vector<v1::Distro> DistroViews::All() {
  std::map<std::string, RegistryEntry> making;
  {
    const std::lock_guard lock(making_mutex_);
    making = making_;
  }
  std::vector<v1::Distro> distros;
  for (const RegistryEntry& entry : registry_.List()) {
    making.erase(entry.record.id);
    distros.push_back(Of(entry));
  }
  for (const auto& [id, entry] : making) distros.push_back(Of(entry));
  std::stable_sort(distros.begin(), distros.end(), [](const v1::Distro& a, const v1::Distro& b) {
    if (a.is_default() != b.is_default()) return a.is_default();
    return absl::AsciiStrToLower(a.name()) < absl::AsciiStrToLower(b.name());
  });
  return distros;
}

absl::StatusOr<v1::Distro> DistroViews::Find(const std::string& id_or_name) {
  const auto entry = registry_.Find(id_or_name);
  if (entry.ok()) return Of(*entry);
  std::optional<RegistryEntry> found;
  {
    const std::lock_guard lock(making_mutex_);
    for (const auto& [id, making] : making_) {
      if (id == id_or_name || absl::EqualsIgnoreCase(making.record.name, id_or_name)) found = making;
    }
  }
  if (!found) return entry.status();
  return Of(*found);
}

std::shared_ptr<void> DistroViews::ShowInMaking(const RegistryEntry& entry) {
  {
    const std::lock_guard lock(making_mutex_);
    making_.emplace(entry.record.id, entry);
  }
  events_.DistroChanged(v1::CHANGE_KIND_CREATED, Of(entry));
  return std::shared_ptr<void>(this, [entry](void* views) { static_cast<DistroViews*>(views)->EndMaking(entry); });
}

void DistroViews::EndMaking(const RegistryEntry& entry) {
  {
    const std::lock_guard lock(making_mutex_);
    making_.erase(entry.record.id);
  }
  if (registry_.Find(entry.record.id).ok()) return;
  events_.DistroChanged(v1::CHANGE_KIND_DELETED, Of(entry));
}

void DistroViews::Publish(const std::string& distro_id, v1::ChangeKind change) {
  const auto entry = registry_.Find(distro_id);
  if (entry.ok()) events_.DistroChanged(change, Of(*entry));
}

}  // namespace wslm::daemon
