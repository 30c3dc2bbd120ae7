#if defined(__x86_64__)

#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>

#include "runtime-v2/host/kvm_trial.h"

namespace wslm {
namespace {

// A processor takes a tenth of a millisecond for the loop; an interpreter, hundreds.
constexpr uint32_t kIterations = 200'000;
constexpr int64_t kInTimeNs = 20'000'000;
constexpr uint8_t kProof = 0x42;

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

}  // namespace

KvmOutcome TryKvmOnX86(int kvm) {
  if (::ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_IRQCHIP) <= 0) return KvmOutcome::kNoIrqchip;
  const int vm = ::ioctl(kvm, KVM_CREATE_VM, 0);
  void* memory = ::mmap(nullptr, kMemory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (vm < 0 || memory == MAP_FAILED) return KvmOutcome::kNoVm;
  FillMemory(static_cast<uint8_t*>(memory));
  kvm_userspace_memory_region region{};
  region.memory_size = kMemory;
  region.userspace_addr = reinterpret_cast<uint64_t>(memory);
  if (::ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) != 0) return KvmOutcome::kNoVm;
  const int vcpu = ::ioctl(vm, KVM_CREATE_VCPU, 0);
  const int size = ::ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (vcpu < 0 || size <= 0) return KvmOutcome::kNoVm;
  void* mapped = ::mmap(nullptr, static_cast<size_t>(size), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
  if (mapped == MAP_FAILED || !SetRegisters(vcpu)) return KvmOutcome::kNoVm;
  auto* run = static_cast<kvm_run*>(mapped);
  const int64_t begin = NowNs();
  bool proven = false;
  // One exit for OUT and one for HLT are due.
  for (int i = 0; i < 16; ++i) {
    if (::ioctl(vcpu, KVM_RUN, 0) != 0) return errno == EINTR ? KvmOutcome::kTooSlow : KvmOutcome::kWrong;
    if (run->exit_reason == KVM_EXIT_IO) {
      proven = *(static_cast<const uint8_t*>(mapped) + run->io.data_offset) == kProof;
    } else if (run->exit_reason == KVM_EXIT_HLT) {
      if (!proven) return KvmOutcome::kWrong;
      return NowNs() - begin <= kInTimeNs ? KvmOutcome::kWorks : KvmOutcome::kTooSlow;
    } else {
      return KvmOutcome::kWrong;
    }
  }
  return KvmOutcome::kWrong;
}

}  // namespace wslm

#endif
