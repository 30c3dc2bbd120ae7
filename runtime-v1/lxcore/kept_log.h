// What must outlive lxcore, but not the distro: records by kind and key, in memory that the guardian shares with each
// lxcore that it starts (shared_state.h).
//
//   KeptLog kept(state.log());                     // what an earlier lxcore kept is there
//   kept.ForEach(KeptKind::kFileRecord, [](std::string_view key, std::string_view value) { ... });
//   if (!kept.Put(KeptKind::kFileRecord, key, value)) return ENOSPC;
//
// A record is there whole or not at all, whenever lxcore is killed: it is appended, and only then counted. What was
// replaced or removed is left behind when the records are copied to the other half of the memory.
// Thread-safe.
#ifndef WSLM_RUNTIME_V1_LXCORE_KEPT_LOG_H_
#define WSLM_RUNTIME_V1_LXCORE_KEPT_LOG_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/container/btree_map.h"

namespace wslm::lxcore {

// Part of the memory's layout: a number never gets another meaning (SharedState::kLayout).
enum class KeptKind : uint32_t {
  kIdentity = 1,      // index: credentials
  kExecStack = 2,     // thread: where its stack began before an exec that is under way
  kFileRecord = 3,    // key of a file that isn't on the distro's own file system: its record
  kDrvfsMount = 4,    // device, root and point of a mount of `mount -t drvfs`: its options and source
  kIpcOwner = 5,      // namespace, kind and id of a System V object: its owner
  kUserSpace = 6,     // number of a user namespace: its maps
  kOpenFile = 7,      // what a file is in kept_files.h: which of those under this key counts
  kVariables = 8,     // thread: what was hidden from its environment for an exec
  kDevices = 9,       // "": those that were known when the last user namespace was made
  kWaitingCall = 12,  // id of a call that waits (waiting_calls.h): its notification
  kDeviceOwner = 10,  // device of a memory file system: who made it in a user namespace
  kSender = 11,       // process: who it was when it connected, listened or sent ids on a Unix socket
};

// The bytes of a plain struct or number, as a key or a value.
template <typename T>
std::string_view BytesOf(const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

// False: they are not of a T's size.
template <typename T>
[[nodiscard]] bool FromBytes(std::string_view bytes, T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (bytes.size() != sizeof(value)) return false;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return true;
}

// Two halves, of which one counts. All zero at the beginning.
struct KeptArea {
  static constexpr size_t kHalfSize = size_t{64} << 20;

  std::atomic<uint32_t> active;
  // Bytes of records in each half.
  std::atomic<uint64_t> used[2];
  alignas(8) char halves[2][kHalfSize];
};

class KeptLog {
 public:
  // `area` must outlive this.
  explicit KeptLog(KeptArea& area);

  // nullopt: there is none.
  std::optional<std::string> Get(KeptKind kind, std::string_view key) const;
  // In the order of the keys' bytes.
  void ForEach(KeptKind kind, const std::function<void(std::string_view key, std::string_view value)>& visit) const;
  // False, and nothing is changed: there is no room.
  [[nodiscard]] bool Put(KeptKind kind, std::string_view key, std::string_view value);
  // When there is no room to say so either, the record may be back after lxcore's next start.
  void Remove(KeptKind kind, std::string_view key);

 private:
  struct Place {
    const char* value;
    uint32_t size;
    uint32_t record_size;
  };
  using Key = std::pair<KeptKind, std::string>;

  bool Append(KeptKind kind, std::string_view key, std::string_view value, bool removal);
  void Compact();

  KeptArea& area_;
  mutable std::mutex mutex_;
  absl::btree_map<Key, Place> live_;
  size_t live_bytes_ = 0;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_KEPT_LOG_H_
