#include "daemon/host_description.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/services/disk_service.h"
#include "daemon/timestamps.h"
#include "distros/host/error.h"
#include "runtime-v1/launcher/runtime_v1.h"

namespace wslm::daemon {
namespace {

void AddCapability(v1::GetInfoResponse& info, const char* name, const absl::Status& status, const std::string& in_use) {
  auto* capability = info.add_capabilities();
  capability->set_name(name);
  capability->set_available(status.ok());
  capability->set_detail(Escaped(status.ok() ? in_use : std::string(status.message())));
}

// Whose it is, with a colon.
std::string NamesOf(const PastIncident& past, const std::function<std::string(const std::string&)>& name_of) {
  std::vector<std::string> names;
  for (const std::string& id : past.distro_ids) {
    if (std::string name = name_of(id); !name.empty()) names.push_back(std::move(name));
  }
  return names.empty() ? "" : absl::StrCat(absl::StrJoin(names, ", "), ": ");
}

}  // namespace

void DescribeHost(const RuntimeV2& runtime_v2, const std::function<std::string(const std::string&)>& name_of,
                  v1::GetInfoResponse& info) {
  AddCapability(info, "runtime_v1", CheckHostForV1(), "User namespaces and seccomp user notification are there.");
  AddCapability(info, "runtime_v2", CheckHostForV2(), "QEMU is there.");
  const VmStatus vm = runtime_v2.status();
  info.mutable_vm()->set_running(vm.running);
  info.mutable_vm()->set_hibernated(vm.hibernated);
  info.mutable_vm()->set_hibernation_problem(Escaped(vm.hibernation_problem));
  info.mutable_vm()->set_accelerator(vm.accelerator);
  info.mutable_vm()->set_accelerator_reason(Escaped(vm.accelerator_reason));
  info.mutable_vm()->set_kernel_release(Escaped(vm.kernel_release));
  info.mutable_vm()->set_restored(vm.running && vm.restored);
  info.mutable_vm()->set_more_ports(vm.more_ports);
  info.mutable_vm()->set_network(vm.network);
  info.mutable_vm()->set_network_reason(Escaped(vm.network_reason));
  for (const ForwardedPort& port : vm.ports) {
    auto* entry = info.mutable_vm()->add_ports();
    entry->set_port(port.port);
    entry->set_protocol(port.udp ? "udp" : "tcp");
    entry->set_problem(Escaped(port.problem));
  }
  for (const auto& disk : runtime_v2.shared_disks()) *info.mutable_vm()->add_disks() = ToDisk(disk);
  for (const PastIncident& past : vm.incidents) {
    auto* incident = info.mutable_vm()->add_incidents();
    *incident->mutable_time() = ToTimestamp(past.time);
    incident->set_message(absl::StrCat(NamesOf(past, name_of), Escaped(past.message)));
  }
  if (vm.accelerator.empty()) return;
  auto* kvm = info.add_capabilities();
  kvm->set_name("kvm");
  kvm->set_available(vm.accelerator == "kvm");
  kvm->set_detail(Escaped(vm.accelerator_reason));
}

}  // namespace wslm::daemon
