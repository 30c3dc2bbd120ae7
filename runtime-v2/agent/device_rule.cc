#include "runtime-v2/agent/device_rule.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/major.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/unique_fd.h"

namespace wslm {
namespace {

// hvc0 and the virtio ports' first neighbours: the kernel's hvc driver has major 229
// (Documentation/admin-guide/devices).
constexpr int kHvcMajor = 229;

bpf_insn Instruction(uint8_t code, uint8_t to, uint8_t from, int16_t offset, int32_t immediate) {
  bpf_insn instruction{};
  instruction.code = code;
  instruction.dst_reg = to & 0xF;
  instruction.src_reg = from & 0xF;
  instruction.off = offset;
  instruction.imm = immediate;
  return instruction;
}

bpf_insn Load(uint8_t to, size_t offset) {
  return Instruction(BPF_LDX | BPF_MEM | BPF_W, to, BPF_REG_1, static_cast<int16_t>(offset), 0);
}
bpf_insn Copy(uint8_t to, uint8_t from) { return Instruction(BPF_ALU | BPF_MOV | BPF_X, to, from, 0, 0); }
bpf_insn And(uint8_t to, int32_t value) { return Instruction(BPF_ALU | BPF_AND | BPF_K, to, 0, 0, value); }
bpf_insn Shift(uint8_t to, int32_t bits) { return Instruction(BPF_ALU | BPF_RSH | BPF_K, to, 0, 0, bits); }
bpf_insn SkipUnlessEqual(uint8_t left, int32_t value, int16_t count) {
  return Instruction(BPF_JMP | BPF_JNE | BPF_K, left, 0, count, value);
}
bpf_insn SkipIfBelow(uint8_t left, int32_t value, int16_t count) {
  return Instruction(BPF_JMP | BPF_JLT | BPF_K, left, 0, count, value);
}
bpf_insn SkipIfAbove(uint8_t left, int32_t value, int16_t count) {
  return Instruction(BPF_JMP | BPF_JGT | BPF_K, left, 0, count, value);
}
void Return(std::vector<bpf_insn>& program, int32_t value) {
  program.push_back(Instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value));
  program.push_back(Instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

// What AllowDisk allows: a map of (major, minor), which the rules look at whenever they are asked.
struct DiskKey {
  uint32_t major_number;
  uint32_t minor_number;
};
constexpr uint32_t kMostDisks = 4096;
UniqueFd& AllowedDisks() {
  static UniqueFd map;
  return map;
}

bpf_insn Store(int16_t offset, uint8_t from) {
  return Instruction(BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, from, offset, 0);
}

// What is asked for, from the first instructions on. A call keeps the last two.
constexpr uint8_t kType = BPF_REG_2, kAccess = BPF_REG_3, kMajor = BPF_REG_6, kMinor = BPF_REG_7;

// Behind it only kMajor and kMinor are still in their registers.
void AllowWhatIsInTheMap(std::vector<bpf_insn>& program) {
  constexpr int16_t kKey = -static_cast<int16_t>(sizeof(DiskKey));
  program.push_back(Store(kKey, kMajor));
  program.push_back(Store(kKey + 4, kMinor));
  program.push_back(Instruction(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0));
  program.push_back(Instruction(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, kKey));
  // One instruction of two.
  program.push_back(Instruction(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, AllowedDisks().get()));
  program.push_back(Instruction(0, 0, 0, 0, 0));
  program.push_back(Instruction(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem));
  program.push_back(Instruction(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, 0));
  Return(program, 1);
}

// bsg's major is whatever was free (block/bsg.c).
std::optional<int> BsgMajor() {
  const std::string devices = ReadSmallFile("/proc/devices").value_or("");
  for (const absl::string_view line : absl::StrSplit(devices, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    int number = 0;
    if (words.size() == 2 && words[1] == "bsg" && absl::SimpleAtoi(words[0], &number)) return number;
  }
  return std::nullopt;
}

// The console, and what sends any command to any disk.
std::vector<bpf_insn> CharacterDeviceRule() {
  std::vector<bpf_insn> program;
  for (const int forbidden : {kHvcMajor, SCSI_GENERIC_MAJOR, BsgMajor().value_or(SCSI_GENERIC_MAJOR)}) {
    program.push_back(SkipUnlessEqual(kMajor, forbidden, 2));
    Return(program, 0);
  }
  return program;
}

std::vector<bpf_insn> BlockDeviceRule(dev_t own, bool shared) {
  std::vector<bpf_insn> program;
  program.push_back(SkipUnlessEqual(kMajor, static_cast<int32_t>(major(own)), 3));
  program.push_back(SkipUnlessEqual(kMinor, static_cast<int32_t>(minor(own)), 2));
  Return(program, 1);
  if (shared) AllowWhatIsInTheMap(program);
  // The three ranges of SCSI disks.
  program.push_back(SkipUnlessEqual(kMajor, SCSI_DISK0_MAJOR, 2));
  Return(program, 0);
  program.push_back(SkipIfBelow(kMajor, SCSI_DISK1_MAJOR, 3));
  program.push_back(SkipIfAbove(kMajor, SCSI_DISK7_MAJOR, 2));
  Return(program, 0);
  program.push_back(SkipIfBelow(kMajor, SCSI_DISK8_MAJOR, 3));
  program.push_back(SkipIfAbove(kMajor, SCSI_DISK15_MAJOR, 2));
  Return(program, 0);
  return program;
}

void AppendFor(int32_t type, const std::vector<bpf_insn>& rule, std::vector<bpf_insn>& program) {
  program.push_back(SkipUnlessEqual(kType, type, static_cast<int16_t>(rule.size())));
  program.insert(program.end(), rule.begin(), rule.end());
}

std::vector<bpf_insn> Program(dev_t own, bool shared) {
  std::vector<bpf_insn> program;
  program.push_back(Load(kType, offsetof(bpf_cgroup_dev_ctx, access_type)));
  program.push_back(Copy(kAccess, kType));
  program.push_back(And(kType, 0xFFFF));
  program.push_back(Shift(kAccess, 16));
  program.push_back(Load(kMajor, offsetof(bpf_cgroup_dev_ctx, major)));
  program.push_back(Load(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)));
  // Nothing but mknod: allowed.
  program.push_back(And(kAccess, BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE));
  program.push_back(SkipUnlessEqual(kAccess, 0, 2));
  Return(program, 1);
  AppendFor(BPF_DEVCG_DEV_CHAR, CharacterDeviceRule(), program);
  AppendFor(BPF_DEVCG_DEV_BLOCK, BlockDeviceRule(own, shared), program);
  Return(program, 1);
  return program;
}

long Bpf(bpf_cmd command, const bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

}  // namespace

absl::Status PrepareDeviceRules() {
  bpf_attr create{};
  create.map_type = BPF_MAP_TYPE_HASH;
  create.key_size = sizeof(DiskKey);
  create.value_size = 1;
  create.max_entries = kMostDisks;
  AllowedDisks().Reset(static_cast<int>(Bpf(BPF_MAP_CREATE, create)));
  return AllowedDisks() ? absl::OkStatus() : ErrnoError("cannot make", "map of the device rules");
}

absl::Status AllowDisk(dev_t device, bool allowed) {
  const DiskKey key{.major_number = major(device), .minor_number = minor(device)};
  const uint8_t value = 1;
  bpf_attr change{};
  change.map_fd = static_cast<uint32_t>(AllowedDisks().get());
  change.key = reinterpret_cast<uint64_t>(&key);
  change.value = reinterpret_cast<uint64_t>(&value);
  if (Bpf(allowed ? BPF_MAP_UPDATE_ELEM : BPF_MAP_DELETE_ELEM, change) != 0 && errno != ENOENT) {
    return ErrnoError("cannot change", "device rules");
  }
  return absl::OkStatus();
}

absl::Status DenyOtherDisks(const std::string& cgroup, dev_t own, bool shared) {
  const std::vector<bpf_insn> program = Program(own, shared);
  bpf_attr load{};
  load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  load.insns = reinterpret_cast<uint64_t>(program.data());
  load.insn_cnt = static_cast<uint32_t>(program.size());
  load.license = reinterpret_cast<uint64_t>("Apache-2.0");
  const UniqueFd loaded(static_cast<int>(Bpf(BPF_PROG_LOAD, load)));
  if (!loaded) return ErrnoError("cannot load", "device rule");
  const UniqueFd folder(::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return ErrnoError("cannot open", cgroup);
  bpf_attr attach{};
  attach.target_fd = static_cast<uint32_t>(folder.get());
  attach.attach_bpf_fd = static_cast<uint32_t>(loaded.get());
  attach.attach_type = BPF_CGROUP_DEVICE;
  // A distro's systemd adds rules of its own below, which can only narrow this one.
  attach.attach_flags = BPF_F_ALLOW_MULTI;
  if (Bpf(BPF_PROG_ATTACH, attach) != 0) return ErrnoError("cannot attach the device rule to", cgroup);
  return absl::OkStatus();
}

}  // namespace wslm
