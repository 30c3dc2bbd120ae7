#include "runtime-v1/lxcore/fast_path.h"

#include <elf.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/mman.h>
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

#include "runtime-v1/fastpath/patcher.h"
#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/process_facts.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace wslm::lxcore {
namespace {

constexpr char kLibrary[] = "libc.so.6";
// How /proc/PID/maps names a copy.
constexpr char kMapsName[] = "/memfd:libc.so.6 (deleted)";
constexpr uint64_t kMostSize = uint64_t{64} << 20;
// Larger than any loader's mapping.
constexpr uint64_t kLoaderSize = 256 * 1024;
constexpr size_t kMostCopies = 16;

// After these a folder may be another, or another's to search. (The kernel does some of them only after the answer:
// handlers remember a folder for some hundred calls at most.)
constexpr int kFolderCalls[] = {SYS_chmod,        SYS_fchmod,       SYS_fchmodat,   SYS_chown,     SYS_fchown,
                                SYS_lchown,       SYS_fchownat,     SYS_mkdir,      SYS_mkdirat,   SYS_symlink,
                                SYS_symlinkat,    SYS_rename,       SYS_renameat,   SYS_renameat2, SYS_chdir,
                                SYS_fchdir,       SYS_chroot,       SYS_pivot_root, SYS_mount,     SYS_umount2,
                                SYS_move_mount,   SYS_setxattr,     SYS_lsetxattr,  SYS_fsetxattr, SYS_removexattr,
                                SYS_lremovexattr, SYS_fremovexattr, SYS_setns,      SYS_unshare,   452 /* fchmodat2 */};

template <typename Integer>
bool TakeNumber(std::string_view& text, Integer& value, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc()) return false;
  text.remove_prefix(end - text.data());
  return true;
}

// A copy as a process has mapped it.
struct Mapped {
  uint64_t base = 0;
  uint64_t handlers = 0;  // the last segment
};

// "start-end perms offset device inode name" lines of proc_pid_maps(5).
std::vector<Mapped> FindCopies(std::string_view maps) {
  std::vector<Mapped> found;
  while (!maps.empty()) {
    std::string_view line = maps.substr(0, maps.find('\n'));
    maps.remove_prefix(std::min(maps.size(), line.size() + 1));
    if (!line.ends_with(kMapsName)) continue;
    uint64_t start = 0, end = 0, offset = 0;
    if (!TakeNumber(line, start, 16)) continue;
    line.remove_prefix(1);
    if (!TakeNumber(line, end, 16) || line.size() < 6) continue;
    const bool is_code = line[3] == 'x';
    line.remove_prefix(6);
    if (!TakeNumber(line, offset, 16)) continue;
    if (offset == 0) found.push_back({.base = start});
    if (!found.empty() && is_code) found.back().handlers = start;
  }
  return found;
}

std::string ReadAll(int fd, size_t size) {
  std::string bytes(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t part = ::pread(fd, bytes.data() + done, size - done, static_cast<off_t>(done));
    if (part <= 0) return "";
    done += static_cast<size_t>(part);
  }
  return bytes;
}

UniqueFd MemoryFile(const std::string& bytes) {
  UniqueFd file(::memfd_create(kLibrary, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC));
  if (!file) file.Reset(::memfd_create(kLibrary, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  size_t done = 0;
  while (file && done < bytes.size()) {
    const ssize_t part = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (part <= 0) return {};
    done += static_cast<size_t>(part);
  }
  return file;
}

}  // namespace

FastPath::~FastPath() {
  for (const auto& [key, copy] : copies_) {
    if (copy.shared != nullptr) ::munmap(copy.shared, sizeof(*copy.shared));
  }
}

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

FastPath::Copy FastPath::MakeCopy(const std::string& name) const {
  Copy copy;
  UniqueFd original(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  struct stat host;
  if (!original || ::fstat(original.get(), &host) != 0) return copy;
  const auto patched = fastpath::PatchLibrary(ReadAll(original.get(), static_cast<size_t>(host.st_size)));
  if (!patched.ok()) return copy;
  UniqueFd file = MemoryFile(patched->bytes);
  if (!file) return copy;
  void* shared = ::mmap(nullptr, sizeof(WslmFastShared), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(),
                        static_cast<off_t>(patched->shared_offset));
  if (shared == MAP_FAILED) return copy;
  static_cast<WslmFastShared*>(shared)->maker = options_.maker;
  // Nobody but this mapping writes from now on.
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0 ||
      ::fchmod(file.get(), 0755) != 0) {
    ::munmap(shared, sizeof(WslmFastShared));
    return copy;
  }
  copy.file = std::move(file);
  copy.shared = static_cast<WslmFastShared*>(shared);
  return copy;
}

UniqueFd FastPath::CopyFor(const Call& call, const std::string& name, const GuestFile& file) {
  if (!options_.on || !name.ends_with(kLibrary) || file.mount != MountKind::kLxfs || file.type() != S_IFREG ||
      file.host.stx_size > kMostSize || !IsLoader(call)) {
    return {};
  }
  const FileKey key{makedev(file.host.stx_dev_major, file.host.stx_dev_minor), file.host.stx_ino, file.host.stx_size,
                    file.host.stx_ctime.tv_sec * 1'000'000'000 + file.host.stx_ctime.tv_nsec};
  auto found = copies_.find(key);
  if (found == copies_.end()) {
    if (copies_.size() >= kMostCopies) return {};
    found = copies_.emplace(key, MakeCopy(name)).first;
    if (found->second.shared != nullptr) {
      for (uint64_t inode : side_store_.Inodes()) NoteRecord(inode);
      found->second.shared->plain_attributes = options_.plain_attributes && !side_store_.HasXattrs();
    }
  }
  if (!found->second.file) return {};
  // A description of its own: the loader reads from the start.
  return UniqueFd(::open(GuestFiles::OwnFdName(found->second.file.get()).c_str(), O_RDONLY | O_CLOEXEC));
}

bool FastPath::IsQuestion(const Call& call) { return call.number() == SYS_getuid && call.arg(5) == WSLM_FAST_ASK; }

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

// Where a process has copies is read from its memory map: nothing to remember, nothing to forget at exec.
bool FastPath::SetLevels(pid_t tid, uint32_t level) const {
  bool changed = false;
  for (const Mapped& mapped : FindCopies(ReadProcFile(proc_, std::to_string(tid) + "/maps"))) {
    struct {
      uint64_t magic, block_address;
    } head;
    if (ReadGuest(tid, mapped.handlers, &head, sizeof(head)) != 0 || head.magic != WSLM_FAST_SHARED_MAGIC) continue;
    const uint64_t address = mapped.base + head.block_address + offsetof(WslmFastBlock, level);
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
  for (bool changed = true; changed;) {
    changed = false;
    for (const pid_t pid : ProcessesInside(proc_, first_process)) changed = SetLevels(pid, kWslmFastNever) || changed;
  }
}

void FastPath::BeforeNewCredentials(pid_t tid) {
  if (!options_.on) return;
  SetLevels(tid, SharesMemory(tid) ? kWslmFastNever : kWslmFastUnknown);
}

void FastPath::BeforeNewFilter(pid_t tid) {
  if (!options_.on) return;
  filters_were_made_ = true;
  SetLevels(tid, kWslmFastNever);
}

void FastPath::AfterCall(const Call& call) {
  if (copies_.empty()) return;
  static constexpr auto kIsFolderCall = [] {
    std::array<bool, 512> is = {};
    for (int number : kFolderCalls) is[number] = true;
    return is;
  }();
  if (!kIsFolderCall[call.number()]) return;
  for (auto& [key, copy] : copies_) {
    if (copy.shared != nullptr) __atomic_add_fetch(&copy.shared->generation, 1, __ATOMIC_RELEASE);
  }
}

void FastPath::NoteRecord(uint64_t inode) {
  const uint32_t bit = WslmFastBloomBit(inode);
  for (auto& [key, copy] : copies_) {
    if (copy.shared != nullptr) {
      __atomic_or_fetch(&copy.shared->bloom[bit / 64], uint64_t{1} << (bit % 64), __ATOMIC_RELEASE);
    }
  }
}

}  // namespace wslm::lxcore
