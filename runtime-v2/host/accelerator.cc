#include "runtime-v2/host/accelerator.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>

#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/files.h"
#include "distros/host/unique_fd.h"
#include "nlohmann/json.hpp"

namespace wslm {
namespace {

constexpr int kApiVersion = 12;
// A processor takes a tenth of a millisecond for the loop; an interpreter, hundreds.
constexpr uint32_t kIterations = 200'000;
constexpr int64_t kInTimeNs = 20'000'000;
constexpr int kProbeTimeoutMs = 500;
constexpr uint8_t kProof = 0x42;

// Exit codes of the probing child.
enum Outcome { kWorks = 0, kNoVm = 10, kNoIrqchip = 11, kTooSlow = 12, kWrong = 13 };

int64_t NowNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Guest-physical addresses within the one 2 MiB page.
constexpr uint64_t kCode = 0x1000;
constexpr uint64_t kPml4 = 0x2000;
constexpr uint64_t kPdpt = 0x3000;
constexpr uint64_t kPageDirectory = 0x4000;
constexpr size_t kMemory = size_t{2} << 20;

void FillMemory(uint8_t* memory) {
  uint8_t code[] = {
      0x48, 0xC7,   0xC1, 0,    0, 0, 0,  // mov rcx, kIterations
      0x48, 0xFF,   0xC9,                 // again: dec rcx
      0x75, 0xFB,                         // jnz again
      0x0F, 0x20,   0xD8,                 // mov rax, cr3
      0x0F, 0x22,   0xD8,                 // mov cr3, rax
      0x66, 0xBA,   0x10, 0x00,           // mov dx, 0x10
      0xB0, kProof,                       // mov al, kProof
      0xEE,                               // out dx, al
      0xF4,                               // hlt
  };
  std::memcpy(code + 3, &kIterations, sizeof kIterations);
  std::memcpy(memory + kCode, code, sizeof code);
  constexpr uint64_t kPresentWritableUser = 7;
  constexpr uint64_t kLargePage = 0x80;
  const uint64_t pml4 = kPdpt | kPresentWritableUser;
  const uint64_t pdpt = kPageDirectory | kPresentWritableUser;
  const uint64_t page = kLargePage | kPresentWritableUser;
  std::memcpy(memory + kPml4, &pml4, sizeof pml4);
  std::memcpy(memory + kPdpt, &pdpt, sizeof pdpt);
  std::memcpy(memory + kPageDirectory, &page, sizeof page);
}

// Long mode, kernel privilege.
bool SetRegisters(int vcpu) {
  kvm_sregs special;
  if (::ioctl(vcpu, KVM_GET_SREGS, &special) != 0) return false;
  special.cr3 = kPml4;
  special.cr4 = 0x20;        // PAE
  special.cr0 = 0x80050033;  // PG AM WP NE ET MP PE
  special.efer = 0x500;      // LME LMA
  kvm_segment segment{};
  segment.limit = 0xFFFFFFFF;
  segment.selector = 8;
  segment.present = 1;
  segment.type = 11;
  segment.s = 1;
  segment.l = 1;
  segment.g = 1;
  special.cs = segment;
  segment.type = 3;
  segment.selector = 16;
  segment.l = 0;
  segment.db = 1;
  special.ds = special.es = special.fs = special.gs = special.ss = segment;
  if (::ioctl(vcpu, KVM_SET_SREGS, &special) != 0) return false;
  kvm_regs general{};
  general.rflags = 2;
  general.rip = kCode;
  return ::ioctl(vcpu, KVM_SET_REGS, &general) == 0;
}

// In the child: system calls only.
Outcome TryKvm(int kvm) {
  if (::ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_IRQCHIP) <= 0) return kNoIrqchip;
  const int vm = ::ioctl(kvm, KVM_CREATE_VM, 0);
  void* memory = ::mmap(nullptr, kMemory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (vm < 0 || memory == MAP_FAILED) return kNoVm;
  FillMemory(static_cast<uint8_t*>(memory));
  kvm_userspace_memory_region region{};
  region.memory_size = kMemory;
  region.userspace_addr = reinterpret_cast<uint64_t>(memory);
  if (::ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) != 0) return kNoVm;
  const int vcpu = ::ioctl(vm, KVM_CREATE_VCPU, 0);
  const int size = ::ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (vcpu < 0 || size <= 0) return kNoVm;
  void* mapped = ::mmap(nullptr, static_cast<size_t>(size), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
  if (mapped == MAP_FAILED || !SetRegisters(vcpu)) return kNoVm;
  auto* run = static_cast<kvm_run*>(mapped);
  const int64_t begin = NowNs();
  bool proven = false;
  // One exit for OUT and one for HLT are due.
  for (int i = 0; i < 16; ++i) {
    if (::ioctl(vcpu, KVM_RUN, 0) != 0) return errno == EINTR ? kTooSlow : kWrong;
    if (run->exit_reason == KVM_EXIT_IO) {
      proven = *(static_cast<const uint8_t*>(mapped) + run->io.data_offset) == kProof;
    } else if (run->exit_reason == KVM_EXIT_HLT) {
      if (!proven) return kWrong;
      return NowNs() - begin <= kInTimeNs ? kWorks : kTooSlow;
    } else {
      return kWrong;
    }
  }
  return kWrong;
}

Accelerator Describe(int outcome) {
  switch (outcome) {
    case kWorks:
      return {true, "KVM works."};
    case kNoIrqchip:
      return {false, "KVM on this host has no interrupt controller of its own, so the VM is emulated."};
    case kTooSlow:
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
  if (!kvm || ::ioctl(kvm.get(), KVM_GET_API_VERSION, 0) != kApiVersion) return Describe(kNoVm);
  const pid_t child = ::fork();
  if (child < 0) return Describe(kNoVm);
  // A child, because a KVM that interprets can only be left by a signal, and a killed child needs no handler of ours.
  if (child == 0) ::_exit(TryKvm(kvm.get()));
  const UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  pollfd poll_fd{.fd = handle.get(), .events = POLLIN};
  const bool ended = ::poll(&poll_fd, 1, kProbeTimeoutMs) > 0;
  if (!ended) ::kill(child, SIGKILL);
  // One that SIGKILL doesn't end is stuck in the kernel; it is not waited for.
  if (!ended && ::poll(&poll_fd, 1, kProbeTimeoutMs) <= 0) return Describe(kTooSlow);
  int status = 0;
  ::waitpid(child, &status, 0);
  return Describe(ended && WIFEXITED(status) ? WEXITSTATUS(status) : kTooSlow);
}

Accelerator ChooseAccelerator(const std::string& cache_folder, const std::string& device) {
  // A test's way to a KVM that passes the probe and boots nothing.
  if (!Failpoint("accelerator.believe").ok()) return Describe(kWorks);
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
