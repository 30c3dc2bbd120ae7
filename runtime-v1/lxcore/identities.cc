#include "runtime-v1/lxcore/identities.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <charconv>

#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

// Descriptors held at a time; a thread costs one open (4 µs) after it was dropped.
constexpr size_t kMostFiles = 1024;

size_t HashOf(const Credentials& c) {
  size_t hash = 1469598103934665603u;
  auto add = [&hash](uint64_t value) { hash = (hash ^ value) * 1099511628211u; };
  for (uint64_t value :
       {uint64_t{c.ruid}, uint64_t{c.euid}, uint64_t{c.suid}, uint64_t{c.fsuid}, uint64_t{c.rgid}, uint64_t{c.egid},
        uint64_t{c.sgid}, uint64_t{c.fsgid}, c.permitted, c.effective, c.inheritable, c.ambient, c.bounding,
        uint64_t{c.securebits}, uint64_t{c.no_new_privs}, uint64_t{c.nested}, uint64_t{c.root}, uint64_t{c.login}}) {
    add(value);
  }
  for (uint32_t group : c.groups) add(group);
  return hash;
}

Credentials Nobody() {
  constexpr uint32_t kId = 65534;
  return {.ruid = kId,
          .euid = kId,
          .suid = kId,
          .fsuid = kId,
          .rgid = kId,
          .egid = kId,
          .sgid = kId,
          .fsgid = kId,
          .permitted = 0,
          .effective = 0,
          .bounding = 0,
          .no_new_privs = true};
}

// Touches no file system that could make it wait.
bool Identify(int proc, const std::string& name, uint64_t& device, uint64_t& inode) {
  struct statx file;
  if (::statx(proc, name.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO, &file) != 0) return false;
  device = makedev(file.stx_dev_major, file.stx_dev_minor);
  inode = file.stx_ino;
  return true;
}

// What a process runs.
bool ProgramOf(int proc, const std::string& pid, uint64_t& device, uint64_t& inode) {
  return Identify(proc, pid + "/exe", device, inode);
}

bool UserNamespaceOf(int proc, const std::string& pid, uint64_t& device, uint64_t& inode) {
  return Identify(proc, pid + "/ns/user", device, inode);
}

// Field 28 of proc_pid_stat(5), startstack; empty when it can't be read.
std::string StackOf(int proc, pid_t tid) {
  const std::string stat = ReadProcFile(proc, std::to_string(tid) + "/stat");
  constexpr int kFieldsAfterName = 28 - 2;
  size_t at = stat.rfind(')');
  for (int i = 0; i < kFieldsAfterName && at != std::string::npos; ++i) at = stat.find(' ', at + 1);
  if (at == std::string::npos) return "";
  return stat.substr(at + 1, stat.find(' ', at + 1) - at - 1);
}

}  // namespace

Identities::Identities(int proc) : proc_(proc) {
  Intern(Credentials{});
  Intern(Nobody());
}

int Identities::SlackFile(pid_t tid, bool fresh) {
  auto found = files_.find(tid);
  if (found != files_.end() && !fresh) return found->second.get();
  if (files_.size() >= kMostFiles) files_.clear();
  UniqueFd file(::openat(proc_, (std::to_string(tid) + "/timerslack_ns").c_str(), O_RDWR | O_CLOEXEC));
  const int fd = file.get();
  files_.insert_or_assign(tid, std::move(file));
  return fd;
}

uint32_t Identities::IndexOfSlack(const char* text, ssize_t length) const {
  uint64_t slack = 0;
  std::from_chars(text, text + length, slack);
  if (slack < kFirstSlack || slack - kFirstSlack >= table_.size()) return kNobody;
  return static_cast<uint32_t>(slack - kFirstSlack);
}

uint32_t Identities::IndexOf(pid_t tid) {
  if (tid == waiting_ && waiting_index_) return *waiting_index_;
  char text[32];
  ssize_t length = ::pread(SlackFile(tid, false), text, sizeof(text), 0);
  if (length < 0) length = ::pread(SlackFile(tid, true), text, sizeof(text), 0);
  if (length < 0) return kNobody;
  const uint32_t index = IndexOfSlack(text, length);
  const std::optional<PendingChange>& pending = table_[index].pending;
  if (!pending) {
    if (tid == waiting_) waiting_index_ = index;
    return index;
  }
  const uint32_t settled = pending->kind == PendingChange::Kind::kExecOfSameProgram
                               ? AfterSameProgram(*pending, tid)
                               : After(*pending, proc_, std::to_string(tid));
  return AssignIndex(tid, settled) == 0 ? settled : kNobody;
}

uint32_t Identities::After(const PendingChange& change, int proc, const std::string& pid) const {
  uint64_t device, inode;
  bool happened = false;
  switch (change.kind) {
    case PendingChange::Kind::kExec:
      happened = ProgramOf(proc, pid, device, inode) && device == change.device && inode == change.inode;
      break;
    case PendingChange::Kind::kExecOfSameProgram:
      break;
    case PendingChange::Kind::kUserNamespace:
      happened = UserNamespaceOf(proc, pid, device, inode) && (device != change.device || inode != change.inode);
      break;
  }
  return happened ? change.after : change.before;
}

uint32_t Identities::AfterSameProgram(const PendingChange& change, pid_t tid) {
  const auto found = stacks_.find(tid);
  if (found == stacks_.end()) return change.before;
  uint64_t device, inode;
  const std::string stack = StackOf(proc_, tid);
  const bool runs_it = ProgramOf(proc_, std::to_string(tid), device, inode) && device == change.device &&
                       inode == change.inode && !stack.empty() && stack != found->second;
  stacks_.erase(found);
  return runs_it ? change.after : change.before;
}

const Credentials& Identities::Of(pid_t tid) { return table_[IndexOf(tid)].credentials; }

bool Identities::IsNobody(const Credentials& credentials) { return credentials == Nobody(); }

std::optional<uint32_t> Identities::Intern(const Credentials& credentials) {
  const size_t hash = HashOf(credentials);
  auto [begin, end] = by_hash_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    if (table_[it->second].credentials == credentials) return it->second;
  }
  if (table_.size() >= kMostIdentities) return std::nullopt;
  table_.push_back({credentials, std::nullopt});
  const auto index = static_cast<uint32_t>(table_.size() - 1);
  by_hash_.emplace(hash, index);
  return index;
}

std::optional<uint32_t> Identities::InternPending(const PendingChange& change) {
  if (const auto found = pending_.find(change); found != pending_.end()) return found->second;
  if (table_.size() >= kMostIdentities) return std::nullopt;
  table_.push_back({table_[change.before].credentials, change});
  const auto index = static_cast<uint32_t>(table_.size() - 1);
  pending_.emplace(change, index);
  return index;
}

int Identities::AssignIndex(pid_t tid, uint32_t index) {
  if (tid == waiting_) waiting_index_.reset();
  const std::string slack = std::to_string(kFirstSlack + index);
  // Not pwrite: such files take none. The offset doesn't count.
  if (::write(SlackFile(tid, false), slack.data(), slack.size()) >= 0) return 0;
  return ::write(SlackFile(tid, true), slack.data(), slack.size()) >= 0 ? 0 : errno;
}

int Identities::Assign(pid_t tid, const Credentials& credentials) {
  const std::optional<uint32_t> index = Intern(credentials);
  if (!index) return EAGAIN;
  if (before_change_ && *index != IndexOf(tid)) before_change_(tid);
  return AssignIndex(tid, *index);
}

int Identities::AssignAtExec(pid_t tid, const Credentials& after, uint64_t device, uint64_t inode) {
  const std::optional<uint32_t> after_index = Intern(after);
  if (!after_index) return EAGAIN;
  PendingChange change{.before = IndexOf(tid), .after = *after_index, .device = device, .inode = inode};
  uint64_t own_device, own_inode;
  if (!ProgramOf(proc_, std::to_string(tid), own_device, own_inode)) return EPERM;
  if (own_device == device && own_inode == inode) {
    change.kind = PendingChange::Kind::kExecOfSameProgram;
    if (stacks_.size() >= kMostFiles) stacks_.clear();
    stacks_.insert_or_assign(tid, StackOf(proc_, tid));
  }
  const std::optional<uint32_t> index = InternPending(change);
  return index ? AssignIndex(tid, *index) : EAGAIN;
}

int Identities::AssignInOtherNamespace(pid_t tid, const Credentials& after) {
  if (before_change_) before_change_(tid);
  const std::optional<uint32_t> after_index = Intern(after);
  if (!after_index) return EAGAIN;
  PendingChange change{.kind = PendingChange::Kind::kUserNamespace, .before = IndexOf(tid), .after = *after_index};
  if (!UserNamespaceOf(proc_, std::to_string(tid), change.device, change.inode)) return EPERM;
  const std::optional<uint32_t> index = InternPending(change);
  return index ? AssignIndex(tid, *index) : EAGAIN;
}

std::optional<Credentials> Identities::OfProcDirectory(int proc, const std::string& pid) const {
  UniqueFd file(::openat(proc, (pid + "/timerslack_ns").c_str(), O_RDONLY | O_CLOEXEC));
  char text[32];
  const ssize_t length = ::read(file.get(), text, sizeof(text));
  if (length < 0) return std::nullopt;
  const Entry& entry = table_[IndexOfSlack(text, length)];
  return entry.pending ? table_[After(*entry.pending, proc, pid)].credentials : entry.credentials;
}

}  // namespace wslm::lxcore
