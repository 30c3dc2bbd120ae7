#include "runtime-v1/lxcore/identities.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

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

// How an entry is kept (SharedState::kLayout); the groups follow.
struct KeptEntry {
  uint32_t ruid, euid, suid, fsuid, rgid, egid, sgid, fsgid;
  CapabilitySet permitted, effective, inheritable, ambient, bounding;
  uint32_t securebits;
  uint32_t no_new_privs;
  uint32_t nested, root, login;
  // Of a change under way: where it leads.
  uint32_t has_pending;
  uint32_t kind, before, after;
  uint64_t device, inode;
};

std::string KeptForm(const Credentials& c, const std::optional<PendingChange>& pending) {
  // Names all that there is: a new field is kept, or this doesn't compile.
  const auto& [ruid, euid, suid, fsuid, rgid, egid, sgid, fsgid, groups, permitted, effective, inheritable, ambient,
               bounding, securebits, no_new_privs, nested, root, login] = c;
  KeptEntry kept = {.ruid = ruid,
                    .euid = euid,
                    .suid = suid,
                    .fsuid = fsuid,
                    .rgid = rgid,
                    .egid = egid,
                    .sgid = sgid,
                    .fsgid = fsgid,
                    .permitted = permitted,
                    .effective = effective,
                    .inheritable = inheritable,
                    .ambient = ambient,
                    .bounding = bounding,
                    .securebits = securebits,
                    .no_new_privs = no_new_privs,
                    .nested = nested,
                    .root = root,
                    .login = login,
                    .has_pending = pending.has_value()};
  if (pending) {
    const auto& [kind, before, after, device, inode] = *pending;
    kept.kind = static_cast<uint32_t>(kind);
    kept.before = before;
    kept.after = after;
    kept.device = device;
    kept.inode = inode;
  }
  std::string bytes(BytesOf(kept));
  bytes.append(reinterpret_cast<const char*>(groups.data()), groups.size() * sizeof(groups[0]));
  return bytes;
}

void ReadKeptForm(std::string_view bytes, Credentials& c, std::optional<PendingChange>& pending) {
  KeptEntry kept;
  if (bytes.size() < sizeof(kept)) return;
  std::memcpy(&kept, bytes.data(), sizeof(kept));
  bytes.remove_prefix(sizeof(kept));
  c.ruid = kept.ruid, c.euid = kept.euid, c.suid = kept.suid, c.fsuid = kept.fsuid;
  c.rgid = kept.rgid, c.egid = kept.egid, c.sgid = kept.sgid, c.fsgid = kept.fsgid;
  c.groups.resize(bytes.size() / sizeof(uint32_t));
  std::memcpy(c.groups.data(), bytes.data(), c.groups.size() * sizeof(uint32_t));
  c.permitted = kept.permitted;
  c.effective = kept.effective;
  c.inheritable = kept.inheritable;
  c.ambient = kept.ambient;
  c.bounding = kept.bounding;
  c.securebits = kept.securebits;
  c.no_new_privs = kept.no_new_privs != 0;
  c.nested = kept.nested != 0;
  c.root = kept.root;
  c.login = kept.login;
  if (kept.has_pending == 0) return;
  pending = PendingChange{.kind = static_cast<PendingChange::Kind>(kept.kind),
                          .before = kept.before,
                          .after = kept.after,
                          .device = kept.device,
                          .inode = kept.inode};
}

}  // namespace

Identities::Identities(int proc, KeptLog* kept) : proc_(proc), kept_(kept) {
  if (kept_ != nullptr) ReadKept();
  if (!table_.empty()) return;
  Intern(Credentials{});
  Intern(Nobody());
}

bool Identities::Keep(uint32_t index, const Entry& entry) {
  // Big-endian, so that they come back in their order.
  const uint32_t key = htobe32(index);
  return kept_ == nullptr || kept_->Put(KeptKind::kIdentity, BytesOf(key), KeptForm(entry.credentials, entry.pending));
}

void Identities::ReadKept() {
  kept_->ForEach(KeptKind::kIdentity, [this](std::string_view, std::string_view value) {
    Entry entry;
    ReadKeptForm(value, entry.credentials, entry.pending);
    const auto index = static_cast<uint32_t>(table_.size());
    if (entry.pending) {
      pending_.emplace(*entry.pending, index);
    } else {
      by_hash_.emplace(HashOf(entry.credentials), index);
    }
    table_.push_back(std::move(entry));
  });
  kept_->ForEach(KeptKind::kExecStack, [this](std::string_view key, std::string_view value) {
    pid_t tid = 0;
    std::memcpy(&tid, key.data(), std::min(key.size(), sizeof(tid)));
    stacks_.emplace(tid, value);
  });
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
  if (kept_ != nullptr) kept_->Remove(KeptKind::kExecStack, BytesOf(tid));
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
  const auto index = static_cast<uint32_t>(table_.size());
  Entry entry{credentials, std::nullopt};
  if (!Keep(index, entry)) return std::nullopt;
  table_.push_back(std::move(entry));
  by_hash_.emplace(hash, index);
  return index;
}

std::optional<uint32_t> Identities::InternPending(const PendingChange& change) {
  if (const auto found = pending_.find(change); found != pending_.end()) return found->second;
  if (table_.size() >= kMostIdentities) return std::nullopt;
  const auto index = static_cast<uint32_t>(table_.size());
  Entry entry{table_[change.before].credentials, change};
  if (!Keep(index, entry)) return std::nullopt;
  table_.push_back(std::move(entry));
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

std::optional<uint32_t> Identities::IndexToAssign(pid_t tid, const Credentials& credentials) {
  const std::optional<uint32_t> index = Intern(credentials);
  if (index && before_change_ && *index != IndexOf(tid)) before_change_(tid);
  return index;
}

int Identities::Assign(pid_t tid, const Credentials& credentials) {
  const std::optional<uint32_t> index = IndexToAssign(tid, credentials);
  return index ? AssignIndex(tid, *index) : EAGAIN;
}

int Identities::Assign(pid_t tid, const Credentials& credentials, Journal& journal, int64_t value) {
  const std::optional<uint32_t> index = IndexToAssign(tid, credentials);
  if (!index) return EAGAIN;
  journal.BeginToBecome(*index, value);
  return AssignIndex(tid, *index);
}

std::optional<int64_t> Identities::AnswerOf(pid_t tid, const Journal& journal) {
  return journal.AnswerIfBecame(IndexOf(tid));
}

int Identities::AssignAtExec(pid_t tid, const Credentials& after, uint64_t device, uint64_t inode) {
  const std::optional<uint32_t> after_index = Intern(after);
  if (!after_index) return EAGAIN;
  PendingChange change{.before = IndexOf(tid), .after = *after_index, .device = device, .inode = inode};
  uint64_t own_device, own_inode;
  if (!ProgramOf(proc_, std::to_string(tid), own_device, own_inode)) return EPERM;
  if (own_device == device && own_inode == inode) {
    change.kind = PendingChange::Kind::kExecOfSameProgram;
    if (stacks_.size() >= kMostFiles) ForgetStacks();
    const std::string stack = StackOf(proc_, tid);
    if (kept_ != nullptr && !kept_->Put(KeptKind::kExecStack, BytesOf(tid), stack)) return EAGAIN;
    stacks_.insert_or_assign(tid, stack);
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

void Identities::ForgetStacks() {
  if (kept_ != nullptr) {
    for (const auto& [tid, stack] : stacks_) kept_->Remove(KeptKind::kExecStack, BytesOf(tid));
  }
  stacks_.clear();
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
