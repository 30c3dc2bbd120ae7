#include "runtime-v1/lxcore/fast_path.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "runtime-v1/fastpath/patcher.h"
#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

constexpr char kLibrary[] = "libc.so.6";
constexpr uint64_t kMostSize = uint64_t{64} << 20;
// Larger than any loader's mapping.
constexpr uint64_t kLoaderSize = 256 * 1024;
constexpr size_t kMostLibraries = 16;

// After these a folder may be another, or another's to search. (The kernel does some of them only after the answer:
// handlers remember a folder for some hundred calls at most.)
constexpr int kFolderCalls[] = {SYS_chmod,        SYS_fchmod,       SYS_fchmodat,   SYS_chown,     SYS_fchown,
                                SYS_lchown,       SYS_fchownat,     SYS_mkdir,      SYS_mkdirat,   SYS_symlink,
                                SYS_symlinkat,    SYS_rename,       SYS_renameat,   SYS_renameat2, SYS_chdir,
                                SYS_fchdir,       SYS_chroot,       SYS_pivot_root, SYS_mount,     SYS_umount2,
                                SYS_move_mount,   SYS_setxattr,     SYS_lsetxattr,  SYS_fsetxattr, SYS_removexattr,
                                SYS_lremovexattr, SYS_fremovexattr, SYS_setns,      SYS_unshare,   452 /* fchmodat2 */};

// Processes that fork while they are told are looked for again, and so are those that undo it, who harm only
// themselves.
constexpr int kMostRounds = 100;

// A copy as a process has mapped it.
struct Mapped {
  uint64_t base = 0;
  uint64_t handlers = 0;  // the last segment
};

std::vector<Mapped> FindCopies(const std::vector<Mapping>& maps) {
  std::vector<Mapped> found;
  for (const Mapping& mapping : maps) {
    if (!IsCopy(mapping)) continue;
    if (mapping.offset == 0) found.push_back({.base = mapping.start});
    if (!found.empty() && mapping.permissions[2] == 'x') found.back().handlers = mapping.start;
  }
  return found;
}

}  // namespace

// The call comes from the program that the kernel has put beside the guest's: its address is in the auxiliary vector,
// which no guest can change (sys_credentials.cc refuses PR_SET_MM).
bool FastPath::IsLoader(const Call& call) const {
  const std::string vector = ReadProcFile(proc_, std::to_string(call.tid()) + "/auxv");
  for (size_t at = 0; at + sizeof(Elf64_auxv_t) <= vector.size(); at += sizeof(Elf64_auxv_t)) {
    Elf64_auxv_t entry;
    std::memcpy(&entry, vector.data() + at, sizeof(entry));
    if (entry.a_type != AT_BASE) continue;
    const uint64_t distance = call.instruction_pointer() - entry.a_un.a_val;
    return entry.a_un.a_val != 0 && distance < kLoaderSize;
  }
  return false;
}

const FastCopies::Copy* FastPath::MakeCopy(const std::string& name) {
  UniqueFd original(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  struct stat host;
  if (!original || ::fstat(original.get(), &host) != 0) return nullptr;
  const auto patched = fastpath::PatchLibrary(ReadWhole(original.get(), static_cast<size_t>(host.st_size)));
  return patched.ok() ? copies_.Add(patched->bytes, patched->shared_offset) : nullptr;
}

UniqueFd FastPath::CopyFor(const Call& call, const std::string& name, const GuestFile& file) {
  if (!options_.on || !name.ends_with(kLibrary) || file.mount != MountKind::kLxfs || file.type() != S_IFREG ||
      file.host.stx_size > kMostSize || !IsLoader(call)) {
    return {};
  }
  const FileKey key{makedev(file.host.stx_dev_major, file.host.stx_dev_minor), file.host.stx_ino, file.host.stx_size,
                    file.host.stx_ctime.tv_sec * 1'000'000'000 + file.host.stx_ctime.tv_nsec};
  auto found = libraries_.find(key);
  if (found == libraries_.end()) {
    if (libraries_.size() >= kMostLibraries) return {};
    found = libraries_.emplace(key, MakeCopy(name)).first;
  }
  return found->second != nullptr ? found->second->Open() : UniqueFd();
}

bool FastPath::IsQuestion(const Call& call) {
  return (call.number() == SYS_getuid && call.arg(5) == WSLM_FAST_ASK) || FastPrograms::IsQuestion(call);
}

// Whoever asks first when it has threads already may have threads that differ.
bool FastPath::HasThreads(pid_t tid) const {
  const std::string tasks = std::to_string(tid) + "/task";
  constexpr nlink_t kLinksOfOne = 3;
  struct stat folder;
  if (::fstatat(proc_, tasks.c_str(), &folder, 0) != 0) return true;
  return folder.st_nlink != kLinksOfOne;
}

bool FastPath::HasFilters(pid_t tid) const {
  const std::string status = ReadProcFile(proc_, std::to_string(tid) + "/status");
  return StatusField(status, "Seccomp_filters") != "1";
}

WslmFastBlock FastPath::BlockFor(pid_t tid, const Credentials& c) const {
  WslmFastBlock block = {};
  block.ruid = c.ruid;
  block.euid = c.euid;
  block.rgid = c.rgid;
  block.egid = c.egid;
  block.second_uid = options_.second_owner.uid;
  block.second_gid = options_.second_owner.gid;
  block.mount_id = options_.mount_id;
  block.dev_major = major(options_.device);
  block.dev_minor = minor(options_.device);
  const bool one_user = c.ruid == c.euid && c.ruid == c.fsuid && c.rgid == c.egid && c.rgid == c.fsgid;
  // In a user namespace of the guest's, ids have other numbers.
  if (Identities::IsNobody(c) || c.nested || HasThreads(tid) || (filters_were_made_ && HasFilters(tid))) {
    block.level = kWslmFastNever;
  } else if (!one_user || options_.mount_id == 0) {
    block.level = kWslmFastIds;
  } else if (c.IsFileRoot() && RealIdentity(c).IsFileRoot()) {
    block.level = kWslmFastRoot;
  } else if (c.ruid != 0 && !c.InGroup(0) && ((c.effective | c.permitted) & kFileCapabilities) == 0) {
    // For whom root's files are simply others'.
    block.level = kWslmFastUser;
    const bool is_owner = c.fsuid == options_.second_owner.uid;
    block.second_is = (is_owner ? 1 : 0) | (c.InGroup(options_.second_owner.gid) ? 2 : 0) |
                      (is_owner && c.fsgid == options_.second_owner.gid ? 4 : 0);
  } else {
    block.level = kWslmFastIds;
  }
  return block;
}

Reply FastPath::Answer(const Call& call) {
  return FastPrograms::IsQuestion(call) ? programs_.Answer(call) : AnswerLevel(call);
}

Reply FastPath::AnswerLevel(const Call& call) {
  const Credentials& c = identities_.Of(call.tid());
  uint32_t level = 0;
  const uint64_t address = call.arg(0);
  // Another thread may have asked meanwhile, or changed its credentials.
  if (ReadGuest(call.tid(), address, &level, sizeof(level)) != 0 || level != kWslmFastUnknown) {
    return Reply::Value(c.ruid);
  }
  // Its loader may have got the copy from an earlier lxcore, and mapped it only now.
  const WslmFastBlock block =
      call.arg(1) == options_.maker ? BlockFor(call.tid(), c) : WslmFastBlock{.level = kWslmFastNever};
  constexpr size_t kWritten = offsetof(WslmFastBlock, memo_lock);
  const auto* bytes = reinterpret_cast<const char*>(&block);
  // The level last.
  if (WriteGuest(call.tid(), address + sizeof(level), bytes + sizeof(level), kWritten - sizeof(level)) == 0) {
    WriteGuest(call.tid(), address, bytes, sizeof(level));
  }
  return Reply::Value(c.ruid);
}

// Other threads, or the parent of a vfork, would be told what holds for this one only.
bool FastPath::SharesMemory(pid_t tid) const {
  const std::string status = ReadProcFile(proc_, std::to_string(tid) + "/status");
  if (StatusField(status, "Threads") != "1") return true;
  pid_t parent = 0;
  const std::string_view field = StatusField(status, "PPid");
  std::from_chars(field.data(), field.data() + field.size(), parent);
  return parent != 0 && ::syscall(SYS_kcmp, tid, parent, KCMP_VM, 0, 0) == 0;
}

// The same of a child that isn't one of vfork(2), so that both run.
bool FastPath::HasChildIn(pid_t tid) const {
  const std::string name = absl::StrCat(tid, "/task/", tid, "/children");
  if (::faccessat(proc_, name.c_str(), R_OK, 0) != 0) return true;
  const std::string children = ReadProcFile(proc_, name);
  for (const absl::string_view child : absl::StrSplit(children, ' ', absl::SkipEmpty())) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(child, &pid)) return true;
    const long order = ::syscall(SYS_kcmp, tid, pid, KCMP_VM, 0, 0);
    if (order == 0 || (order < 0 && errno != ESRCH)) return true;
  }
  return false;
}

bool FastPath::MayAnswerForFiles(pid_t tid) const {
  const std::string status = ReadProcFile(proc_, std::to_string(tid) + "/status");
  if (StatusField(status, "TracerPid") != "0" || SharesMemory(tid) || HasChildIn(tid)) return false;
  return BlockFor(tid, identities_.Of(tid)).level >= kWslmFastUser;
}

// Where a process has copies is read from its memory map: nothing to remember, nothing to forget at exec.
bool FastPath::SetLevels(pid_t tid, const std::vector<Mapping>& maps, uint32_t level) const {
  bool changed = false;
  for (const Mapped& mapped : FindCopies(maps)) {
    struct {
      uint64_t magic, block_address;
    } head;
    if (ReadGuest(tid, mapped.handlers, &head, sizeof(head)) != 0 || head.magic != WSLM_FAST_SHARED_MAGIC) continue;
    const uint64_t address = mapped.base + head.block_address + offsetof(WslmFastBlock, level);
    const auto memory =
        std::find_if(maps.begin(), maps.end(), [&](const Mapping& mapping) { return mapping.Has(address); });
    if (memory == maps.end() || (memory->inode != 0 && !IsCopy(*memory))) continue;
    uint32_t before = 0;
    if (ReadGuest(tid, address, &before, sizeof(before)) != 0 || before == level) continue;
    changed = WriteGuest(tid, address, &level, sizeof(level)) == 0 || changed;
  }
  return changed;
}

void FastPath::DisableOlderCopies(pid_t first_process) {
  if (!options_.on || options_.maker <= 1) return;
  // Which of them have filters of their own isn't known any more.
  filters_were_made_ = true;
  // Until there is none that another has forked before its turn.
  bool changed = true;
  for (int round = 0; changed && round < kMostRounds; ++round) {
    changed = false;
    for (const pid_t pid : ProcessesInside(proc_, first_process)) {
      const std::vector<Mapping> maps = MemoryMapOf(proc_, pid);
      changed = SetLevels(pid, maps, kWslmFastNever) || changed;
      changed = programs_.SwitchOff(pid, maps) || changed;
    }
  }
}

void FastPath::BeforeNewCredentials(pid_t tid) {
  if (!options_.on) return;
  const bool shared = SharesMemory(tid) || HasChildIn(tid);
  SetLevels(tid, MemoryMapOf(proc_, tid), shared ? kWslmFastNever : kWslmFastUnknown);
}

void FastPath::BeforeNewFilter(pid_t tid) {
  if (!options_.on) return;
  filters_were_made_ = true;
  const std::vector<Mapping> maps = MemoryMapOf(proc_, tid);
  SetLevels(tid, maps, kWslmFastNever);
  programs_.SwitchOff(tid, maps);
}

void FastPath::AfterCall(const Call& call) {
  if (!options_.on) return;
  static constexpr auto kIsFolderCall = [] {
    std::array<bool, 512> is = {};
    for (int number : kFolderCalls) is[number] = true;
    return is;
  }();
  if (kIsFolderCall[call.number()]) copies_.ForgetFolders();
  programs_.Count(call);
}

}  // namespace wslm::lxcore
