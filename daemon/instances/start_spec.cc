#include "daemon/instances/start_spec.h"

#include <limits.h>
#include <unistd.h>

#include "distros/config/hosts_file.h"
#include "distros/host/files.h"

namespace wslm::daemon {
namespace {

std::string HostName() {
  char name[HOST_NAME_MAX + 1] = {};
  if (::gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

}  // namespace

runtime::v1::StartSpec MakeStartSpec(const RegistryEntry& entry) {
  const DistroRecord& record = entry.record;
  runtime::v1::StartSpec spec;
  spec.folder = entry.files_folder();
  spec.image = entry.image();
  if (!record.image_driver.empty()) spec.image_driver = record.image_driver;
  spec.second_owner_uid = record.second_owner.uid;
  spec.second_owner_gid = record.second_owner.gid;
  spec.config.set_distro_id(record.id);
  spec.config.set_distro_name(record.name);
  spec.config.set_hostname(HostName());
  spec.config.set_record_default_user(record.default_user);
  spec.config.set_automount(!record.isolated);
  spec.config.set_version(static_cast<uint32_t>(record.version));
  if (record.version == 1) {
    if (const auto text = ReadSmallFile("/etc/resolv.conf"); text.ok()) spec.config.set_resolv_conf(*text);
    const auto hosts = ReadSmallFile("/etc/hosts");
    // The network is the host's own.
    spec.config.set_hosts(HostsFile(spec.config.hostname(), "127.0.0.1", hosts.ok() ? *hosts : ""));
  }
  return spec;
}

}  // namespace wslm::daemon
