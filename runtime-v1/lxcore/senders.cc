#include "runtime-v1/lxcore/senders.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

// More are forgotten: then who they are now counts.
constexpr size_t kMostSenders = 4096;

// Field 22 of proc_pid_stat(5); empty when the process is gone.
std::string StartTimeOf(int proc, pid_t pid) {
  const std::string stat = ReadProcFile(proc, std::to_string(pid) + "/stat");
  constexpr int kFieldsAfterName = 22 - 2;
  size_t at = stat.rfind(')');
  for (int i = 0; i < kFieldsAfterName && at != std::string::npos; ++i) at = stat.find(' ', at + 1);
  if (at == std::string::npos) return "";
  return stat.substr(at + 1, stat.find(' ', at + 1) - at - 1);
}

// How a sender is kept (SharedState::kLayout); its numbers and its start time follow.
struct KeptSender {
  uint32_t identity;
  uint32_t has_sent, sent_uid, sent_gid;
  uint32_t numbers;
};

std::vector<pid_t> NumbersOf(std::string_view status) {
  std::vector<pid_t> numbers;
  const std::string_view field = StatusField(status, "NStgid");
  const char* at = field.data();
  const char* const end = at + field.size();
  while (at != end) {
    pid_t number;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc()) break;
    numbers.push_back(number);
    at = std::find_if(next, end, [](char c) { return c >= '0' && c <= '9'; });
  }
  return numbers;
}

std::vector<pid_t> NumbersOf(int proc, pid_t pid) {
  return NumbersOf(ReadProcFile(proc, std::to_string(pid) + "/status"));
}

}  // namespace

Senders::Senders(int proc, Identities& identities, KeptLog* kept) : proc_(proc), identities_(identities), kept_(kept) {
  if (kept_ == nullptr) return;
  kept_->ForEach(KeptKind::kSender, [this](std::string_view key, std::string_view value) {
    pid_t pid;
    KeptSender head;
    if (!FromBytes(key, pid) || !FromBytes(value.substr(0, sizeof(head)), head)) return;
    value.remove_prefix(sizeof(head));
    Sender& sender = senders_[pid];
    sender.credentials = identities_.Numbered(head.identity);
    if (head.has_sent) sender.sent = {head.sent_uid, head.sent_gid};
    sender.numbers.resize(std::min<size_t>(head.numbers, value.size() / sizeof(pid_t)));
    std::memcpy(sender.numbers.data(), value.data(), sender.numbers.size() * sizeof(pid_t));
    value.remove_prefix(sender.numbers.size() * sizeof(pid_t));
    sender.start_time = value;
  });
}

void Senders::Record(const Call& call, const Credentials& c, const ucred* ids) {
  std::vector<pid_t> numbers = NumbersOf(proc_, call.tid());
  if (numbers.empty()) return;
  const pid_t pid = numbers[0];
  if (senders_.size() >= kMostSenders && !senders_.contains(pid)) Forget();
  Sender& sender = senders_[pid];
  sender = {.start_time = StartTimeOf(proc_, pid), .numbers = std::move(numbers), .credentials = c, .sent = {}};
  const bool own = ids != nullptr && ids->pid == sender.numbers.back();
  if (own && (ids->uid != c.ruid || ids->gid != c.rgid)) sender.sent = {ids->uid, ids->gid};
  const std::optional<uint32_t> identity = identities_.NumberOf(c);
  if (kept_ == nullptr || !identity) return;
  const auto [sent_uid, sent_gid] = sender.sent.value_or(std::pair<uint32_t, uint32_t>());
  const KeptSender head = {.identity = *identity,
                           .has_sent = sender.sent.has_value(),
                           .sent_uid = sent_uid,
                           .sent_gid = sent_gid,
                           .numbers = static_cast<uint32_t>(sender.numbers.size())};
  std::string value(BytesOf(head));
  value.append(reinterpret_cast<const char*>(sender.numbers.data()), sender.numbers.size() * sizeof(pid_t));
  // Without room for it, who it is then counts for the next lxcore.
  static_cast<void>(kept_->Put(KeptKind::kSender, BytesOf(pid), value + sender.start_time));
}

void Senders::Forget() {
  if (kept_ != nullptr) {
    for (const auto& [pid, sender] : senders_) kept_->Remove(KeptKind::kSender, BytesOf(pid));
  }
  senders_.clear();
}

void Senders::Remember(const Call& call, const Credentials& c) { Record(call, c, nullptr); }

void Senders::RememberSent(const Call& call, const Credentials& c, const ucred& ids) { Record(call, c, &ids); }

void Senders::Replace(const Call& call, uint64_t address, const ucred& ids) {
  if (replaced_.size() >= kMostSenders) replaced_.clear();
  replaced_.insert_or_assign({call.tid(), address}, ids);
}

std::optional<ucred> Senders::Replaced(const Call& call, uint64_t address) const {
  const auto found = replaced_.find({call.tid(), address});
  return found == replaced_.end() ? std::nullopt : std::optional(found->second);
}

const Senders::Sender* Senders::Find(pid_t pid) const {
  const auto found = senders_.find(pid);
  if (found == senders_.end()) return nullptr;
  const std::string now = StartTimeOf(proc_, pid);
  return now.empty() || now == found->second.start_time ? &found->second : nullptr;
}

std::optional<Credentials> Senders::PeerOf(pid_t pid) {
  if (const Sender* sender = Find(pid)) return sender->credentials;
  const Credentials& c = identities_.Of(pid);
  const bool hosts = Identities::IsNobody(c) && !StartTimeOf(proc_, pid).empty();
  return hosts ? std::nullopt : std::optional(c);
}

pid_t Senders::NumberFor(pid_t receiver, pid_t pid) const {
  const size_t depth = NumbersOf(proc_, receiver).size();
  std::vector<pid_t> numbers = NumbersOf(proc_, pid);
  if (numbers.empty()) {
    if (const Sender* sender = Find(pid)) numbers = sender->numbers;
  }
  return depth == 0 || numbers.size() < depth ? 0 : numbers[depth - 1];
}

std::optional<ucred> Senders::SentBy(pid_t pid, pid_t receiver) {
  const Sender* sender = Find(pid);
  // Who is gone was what it was when it was seen last.
  Credentials c = identities_.Of(pid);
  if (Identities::IsNobody(c)) {
    // Nobody who is gone was root.
    if (sender == nullptr && !StartTimeOf(proc_, pid).empty()) return std::nullopt;
    if (sender != nullptr) c = sender->credentials;
  }
  ucred ids = {.pid = NumberFor(receiver, pid), .uid = c.ruid, .gid = c.rgid};
  if (sender != nullptr && sender->sent) std::tie(ids.uid, ids.gid) = *sender->sent;
  return ids;
}

}  // namespace wslm::lxcore
