// Runtime v2 as wslmd sees it: one utility VM under QEMU for all distros, started at the first need, found again after
// a restart of wslmd.
//
// Files: run/v2/ (sockets and what an adopting daemon must know of the VM), cache/kernel/ (kernel, modules, initramfs),
// cache/snapshots/ (what VMs start from), state/hibernated/ (a VM that sleeps), state/vm-console.log.
#ifndef WSLM_RUNTIME_V2_HOST_RUNTIME_V2_H_
#define WSLM_RUNTIME_V2_HOST_RUNTIME_V2_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "distros/host/home.h"
#include "runtime-v2/host/incidents.h"
#include "runtime-v2/host/port_forwards.h"
#include "runtime-v2/host/vm_settings.h"
#include "wslm/runtime/v1/disk_host.h"
#include "wslm/runtime/v1/instance.h"

namespace wslm {

struct VmStatus {
  bool running = false;
  std::string accelerator;          // "kvm", "tcg"; empty before the first probe
  std::string accelerator_reason;   // a sentence
  std::string kernel_release;       // empty when not known yet
  bool restored = false;            // it went on from a snapshot
  bool hibernated = false;          // it sleeps
  std::string hibernation_problem;  // why it was not put to sleep when that was tried last; else empty
  std::string network;              // "passt", "slirp"; empty while it doesn't run
  std::string network_reason;       // a sentence; empty where there is nothing to say
  std::vector<ForwardedPort> ports;
  uint32_t more_ports = 0;  // listened on, and too many to be forwarded
  std::vector<PastIncident> incidents;
};

class RuntimeV2 : public runtime::v1::Runtime, public runtime::v1::DiskHost {
 public:
  // Thread-safe, does not block on a VM that is booting.
  virtual VmStatus status() const = 0;
};

// The settings count for a VM that is booted, not for one that runs.
std::unique_ptr<RuntimeV2> MakeRuntimeV2(const Home& home, const VmSettings& settings);

// Whether this host can run v2 distros: QEMU is there. Error: HOST_UNSUPPORTED with the package to install.
// Thread-safe.
absl::Status CheckHostForV2();

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_RUNTIME_V2_H_
