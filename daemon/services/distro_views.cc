#include "daemon/services/distro_views.h"

#include "absl/strings/str_cat.h"
#include "daemon/timestamps.h"
#include "distros/host/error.h"

namespace wslm::daemon {
namespace {

v1::DistroState StateDuring(v1::OperationKind kind) {
  switch (kind) {
    case v1::OPERATION_KIND_IMPORT:
      return v1::DISTRO_STATE_INSTALLING;
    case v1::OPERATION_KIND_EXPORT:
      return v1::DISTRO_STATE_EXPORTING;
    case v1::OPERATION_KIND_CONVERT:
      return v1::DISTRO_STATE_CONVERTING;
    case v1::OPERATION_KIND_DELETE:
      return v1::DISTRO_STATE_DELETING;
    default:
      return v1::DISTRO_STATE_UNSPECIFIED;
  }
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
  if (!record.container.empty()) {
    auto& container = *distro.mutable_container();
    for (const auto& variable : record.container.environment) container.add_environment(Escaped(variable));
    container.set_working_dir(Escaped(record.container.working_dir));
    for (const auto& word : record.container.entrypoint) container.add_entrypoint(Escaped(word));
    for (const auto& word : record.container.cmd) container.add_cmd(Escaped(word));
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
    if (const auto state = StateDuring(holder->kind); state != v1::DISTRO_STATE_UNSPECIFIED) distro.set_state(state);
  }
  distro.set_session_count(instances_.SessionCount(entry.record.id));
  return distro;
}

void DistroViews::Publish(const std::string& distro_id, v1::ChangeKind change) {
  const auto entry = registry_.Find(distro_id);
  if (entry.ok()) events_.DistroChanged(change, Of(*entry));
}

}  // namespace wslm::daemon
