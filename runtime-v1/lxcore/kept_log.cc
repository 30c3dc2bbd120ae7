#include "runtime-v1/lxcore/kept_log.h"

#include <sys/mman.h>

#include <cstring>
#include <utility>

namespace wslm::lxcore {
namespace {

// Before the key, which the value follows; the next record begins at a multiple of 8.
struct RecordHead {
  uint32_t kind;
  uint32_t removal;
  uint32_t key_size;
  uint32_t value_size;
};

// So much that no longer counts is always borne.
constexpr size_t kSlack = size_t{256} << 10;

size_t SizeOf(size_t key_size, size_t value_size) { return (sizeof(RecordHead) + key_size + value_size + 7) & ~7UL; }

}  // namespace

KeptLog::KeptLog(KeptArea& area) : area_(area) {
  const uint32_t active = area_.active.load(std::memory_order_acquire);
  const char* at = area_.halves[active];
  const char* const end = at + area_.used[active].load(std::memory_order_acquire);
  while (at < end) {
    RecordHead head;
    std::memcpy(&head, at, sizeof(head));
    const char* const key = at + sizeof(head);
    const auto record_size = static_cast<uint32_t>(SizeOf(head.key_size, head.value_size));
    const Key name(static_cast<KeptKind>(head.kind), std::string(key, head.key_size));
    if (const auto before = live_.find(name); before != live_.end()) {
      live_bytes_ -= before->second.record_size;
      live_.erase(before);
    }
    if (!head.removal) {
      live_[name] = {.value = key + head.key_size, .size = head.value_size, .record_size = record_size};
      live_bytes_ += record_size;
    }
    at += record_size;
  }
}

std::optional<std::string> KeptLog::Get(KeptKind kind, std::string_view key) const {
  std::lock_guard lock(mutex_);
  const auto found = live_.find(Key(kind, std::string(key)));
  if (found == live_.end()) return std::nullopt;
  return std::string(found->second.value, found->second.size);
}

void KeptLog::ForEach(KeptKind kind, const std::function<void(std::string_view, std::string_view)>& visit) const {
  std::lock_guard lock(mutex_);
  for (auto it = live_.lower_bound(Key(kind, "")); it != live_.end() && it->first.first == kind; ++it) {
    visit(it->first.second, std::string_view(it->second.value, it->second.size));
  }
}

bool KeptLog::Put(KeptKind kind, std::string_view key, std::string_view value) {
  std::lock_guard lock(mutex_);
  return Append(kind, key, value, /*removal=*/false);
}

void KeptLog::Remove(KeptKind kind, std::string_view key) {
  std::lock_guard lock(mutex_);
  if (live_.contains(Key(kind, std::string(key)))) Append(kind, key, "", /*removal=*/true);
}

bool KeptLog::Append(KeptKind kind, std::string_view key, std::string_view value, bool removal) {
  const size_t size = SizeOf(key.size(), value.size());
  if (area_.used[area_.active] > 2 * live_bytes_ + kSlack) Compact();
  const uint32_t active = area_.active;
  const uint64_t used = area_.used[active];
  if (used + size > KeptArea::kHalfSize) return false;
  char* const at = area_.halves[active] + used;
  const RecordHead head = {.kind = static_cast<uint32_t>(kind),
                           .removal = removal,
                           .key_size = static_cast<uint32_t>(key.size()),
                           .value_size = static_cast<uint32_t>(value.size())};
  std::memcpy(at, &head, sizeof(head));
  std::memcpy(at + sizeof(head), key.data(), key.size());
  std::memcpy(at + sizeof(head) + key.size(), value.data(), value.size());
  area_.used[active].store(used + size, std::memory_order_release);
  Key name(kind, std::string(key));
  if (const auto before = live_.find(name); before != live_.end()) {
    live_bytes_ -= before->second.record_size;
    if (removal) live_.erase(before);
  }
  if (removal) return true;
  live_[std::move(name)] = {.value = at + sizeof(head) + key.size(),
                            .size = static_cast<uint32_t>(value.size()),
                            .record_size = static_cast<uint32_t>(size)};
  live_bytes_ += size;
  return true;
}

void KeptLog::Compact() {
  const uint32_t from = area_.active;
  const uint32_t to = 1 - from;
  char* at = area_.halves[to];
  for (auto& [name, place] : live_) {
    const char* const record = place.value - name.second.size() - sizeof(RecordHead);
    std::memcpy(at, record, place.record_size);
    place.value = at + (place.value - record);
    at += place.record_size;
  }
  area_.used[to].store(at - area_.halves[to], std::memory_order_release);
  area_.active.store(to, std::memory_order_release);
  // The memory goes back to the host.
  ::madvise(area_.halves[from], KeptArea::kHalfSize, MADV_REMOVE);
}

}  // namespace wslm::lxcore
