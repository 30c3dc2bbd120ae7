#include "runtime-v2/host/accelerator.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/files.h"
#include "distros/host/unique_fd.h"
#include "nlohmann/json.hpp"
#include "runtime-v2/host/kvm_trial.h"
#include "runtime-v2/host/machine.h"

namespace wslm {
namespace {

constexpr int kApiVersion = 12;
constexpr int kProbeTimeoutMs = 500;

Accelerator Describe(KvmOutcome outcome) {
  switch (outcome) {
    case KvmOutcome::kWorks:
      return {true, "KVM works."};
    case KvmOutcome::kNoIrqchip:
      return {false, "KVM on this host has no interrupt controller of its own, so the VM is emulated."};
    case KvmOutcome::kTooSlow:
      return {false, "KVM on this host is too slow to be real (a machine within a machine), so the VM is emulated."};
    default:
      return {false, "KVM on this host does not run a program as it should, so the VM is emulated."};
  }
}

std::string BootId() { return ReadSmallFile("/proc/sys/kernel/random/boot_id").value_or(""); }

std::string CachePath(const std::string& cache_folder) { return cache_folder + "/accelerator.json"; }

void Remember(const std::string& cache_folder, const Accelerator& accelerator) {
  const nlohmann::json json = {{"boot_id", BootId()}, {"kvm", accelerator.kvm}, {"reason", accelerator.reason}};
  // Not kept: probed again.
  WriteFileAtomically(CachePath(cache_folder), json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))
      .IgnoreError();
}

}  // namespace

Accelerator ProbeKvm(const std::string& device) {
  const UniqueFd kvm(::open(device.c_str(), O_RDWR | O_CLOEXEC));
  if (!kvm || ::ioctl(kvm.get(), KVM_GET_API_VERSION, 0) != kApiVersion) return Describe(KvmOutcome::kNoVm);
  const pid_t child = ::fork();
  if (child < 0) return Describe(KvmOutcome::kNoVm);
  // A child, because a KVM that interprets can only be left by a signal, and a killed child needs no handler of ours.
  if (child == 0) ::_exit(static_cast<int>(HostMachine().try_kvm(kvm.get())));
  const UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  pollfd poll_fd{.fd = handle.get(), .events = POLLIN};
  const bool ended = ::poll(&poll_fd, 1, kProbeTimeoutMs) > 0;
  if (!ended) ::kill(child, SIGKILL);
  // One that SIGKILL doesn't end is stuck in the kernel; it is not waited for.
  if (!ended && ::poll(&poll_fd, 1, kProbeTimeoutMs) <= 0) return Describe(KvmOutcome::kTooSlow);
  int status = 0;
  ::waitpid(child, &status, 0);
  return Describe(ended && WIFEXITED(status) ? static_cast<KvmOutcome>(WEXITSTATUS(status)) : KvmOutcome::kTooSlow);
}

Accelerator ChooseAccelerator(const std::string& cache_folder, const std::string& device) {
  // A test's way to a KVM that passes the probe and boots nothing.
  if (!Failpoint("accelerator.believe").ok()) return Describe(KvmOutcome::kWorks);
  if (::access(device.c_str(), F_OK) != 0) {
    return {false, "This host has no /dev/kvm, so the VM is emulated, which is slower."};
  }
  if (::access(device.c_str(), R_OK | W_OK) != 0) {
    return {false,
            "You may not use /dev/kvm, so the VM is emulated, which is slower: 'sudo usermod -aG kvm $USER' and a new "
            "login change that."};
  }
  const auto text = ReadSmallFile(CachePath(cache_folder));
  const auto kept = nlohmann::json::parse(text.value_or(""), nullptr, false);
  if (kept.is_object() && kept.contains("boot_id") && kept["boot_id"] == BootId() && kept.contains("kvm") &&
      kept["kvm"].is_boolean() && kept.contains("reason") && kept["reason"].is_string()) {
    return {kept["kvm"].get<bool>(), kept["reason"].get<std::string>()};
  }
  const Accelerator probed = ProbeKvm(device);
  Remember(cache_folder, probed);
  return probed;
}

void RememberKvmFailure(const std::string& cache_folder, const std::string& reason) {
  Remember(cache_folder, {false, reason});
}

}  // namespace wslm
