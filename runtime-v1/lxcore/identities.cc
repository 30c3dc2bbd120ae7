#include "runtime-v1/lxcore/identities.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <charconv>

namespace wslm::lxcore {
namespace {

// Descriptors held at a time; a thread costs one open (4 µs) after it was dropped.
constexpr size_t kMostFiles = 1024;

size_t HashOf(const Credentials& c) {
  size_t hash = 1469598103934665603u;
  auto add = [&hash](uint64_t value) { hash = (hash ^ value) * 1099511628211u; };
  for (uint64_t value : {uint64_t{c.ruid}, uint64_t{c.euid}, uint64_t{c.suid}, uint64_t{c.fsuid}, uint64_t{c.rgid},
                         uint64_t{c.egid}, uint64_t{c.sgid}, uint64_t{c.fsgid}, c.permitted, c.effective, c.inheritable,
                         c.ambient, c.bounding, uint64_t{c.securebits}, uint64_t{c.no_new_privs}}) {
    add(value);
  }
  for (uint32_t group : c.groups) add(group);
  return hash;
}

}  // namespace

Identities::Identities(int proc) : proc_(proc) { Intern(Credentials{}); }

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
  return slack > kBaseSlack && slack - kBaseSlack < table_.size() ? static_cast<uint32_t>(slack - kBaseSlack) : 0;
}

uint32_t Identities::IndexOf(pid_t tid) {
  char text[32];
  ssize_t length = ::pread(SlackFile(tid, false), text, sizeof(text), 0);
  if (length < 0) length = ::pread(SlackFile(tid, true), text, sizeof(text), 0);
  return length < 0 ? 0 : IndexOfSlack(text, length);
}

const Credentials& Identities::Of(pid_t tid) { return table_[IndexOf(tid)]; }

std::optional<uint32_t> Identities::Intern(const Credentials& credentials) {
  const size_t hash = HashOf(credentials);
  auto [begin, end] = by_hash_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    if (table_[it->second] == credentials) return it->second;
  }
  if (table_.size() >= kMostIdentities) return std::nullopt;
  table_.push_back(credentials);
  const auto index = static_cast<uint32_t>(table_.size() - 1);
  by_hash_.emplace(hash, index);
  return index;
}

int Identities::AssignIndex(pid_t tid, uint32_t index) {
  const std::string slack = std::to_string(kBaseSlack + index);
  // Not pwrite: such files take none. The offset doesn't count.
  if (::write(SlackFile(tid, false), slack.data(), slack.size()) >= 0) return 0;
  return ::write(SlackFile(tid, true), slack.data(), slack.size()) >= 0 ? 0 : errno;
}

int Identities::Assign(pid_t tid, const Credentials& credentials) {
  const std::optional<uint32_t> index = Intern(credentials);
  return index ? AssignIndex(tid, *index) : EAGAIN;
}

std::optional<Credentials> Identities::OfProcDirectory(int proc, const std::string& pid) const {
  UniqueFd file(::openat(proc, (pid + "/timerslack_ns").c_str(), O_RDONLY | O_CLOEXEC));
  char text[32];
  const ssize_t length = ::read(file.get(), text, sizeof(text));
  if (length < 0) return std::nullopt;
  return table_[IndexOfSlack(text, length)];
}

}  // namespace wslm::lxcore
