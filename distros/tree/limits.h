// What a source that is not trusted may cost at most: an archive of a few kilobytes can name ten million files, or
// unpack to more than any disk holds.
//
//   ASSIGN_OR_RETURN(const Limits limits, ParseLimits({{"entries", "50000000"}, {"file_bytes", "1 TiB"}}));
//   Transfer(*source, *sink, {.limits = limits});
#ifndef WSLM_DISTROS_TREE_LIMITS_H_
#define WSLM_DISTROS_TREE_LIMITS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/tree/entry.h"

namespace wslm {

// The defaults are far above every distro seen; each may be raised. What Linux itself can't hold is refused by
// CheckEntry whatever these say.
struct Limits {
  // Entries that the source names, each time that it names them.
  int64_t entries = 10'000'000;
  // Of one path: bytes, and folders above it and itself. At most 16384 and 8192. Linux takes 4096 bytes in one call.
  int64_t path_bytes = 16384;
  int64_t path_depth = 2048;
  // Bytes of one component of a path. At most 255.
  int64_t name_bytes = 255;
  // Bytes of all paths, targets of links and names of extended attributes together: what a transfer may have to keep in
  // memory, beside a fixed size for each entry.
  int64_t text_bytes = int64_t{2} << 30;
  // Of one entry: how many, and bytes of names and values.
  int64_t xattrs = 1000;
  int64_t xattr_bytes = int64_t{1} << 20;
  // Names of one file, the first among them. ext4 holds so many.
  int64_t hard_links = 65'000;
  // Size of one file and of all together, holes included.
  int64_t file_bytes = int64_t{16} << 40;
  int64_t total_bytes = int64_t{64} << 40;
  // Bytes of content for each byte of the source's own form, once there are `expansion_floor` bytes of content; holes
  // do not count. gzip reaches 1030 with nothing but zeros; roots of real distros stay below 10.
  int64_t expansion = 250;
  int64_t expansion_floor = int64_t{1} << 30;
  // Bytes that were free where the sink writes; content beyond is DISK_FULL as soon as its size is known. Unknown by
  // default; not for sinks that compress.
  std::optional<int64_t> free_bytes;

  friend bool operator==(const Limits&, const Limits&) = default;
};

// The defaults with those changed that `values` names, by the fields' names: whole numbers, with KiB, MiB, GiB or TiB
// behind them if need be. Error: INVALID_ARGUMENT for an unknown name, or a number that is none or not possible.
absl::StatusOr<Limits> ParseLimits(const std::map<std::string, std::string>& values);

// Holds what goes from a source to a sink to limits. Not thread-safe.
//
// Errors, all with the code RESOURCE_EXHAUSTED and a text that names the limit, the value and how to raise it: what
// looks like an attack (expansion) is CORRUPT_SOURCE, DISK_FULL what free_bytes says, all else UNSUPPORTED_FORMAT;
// metadata "limit", "value", "maximum".
class LimitChecker {
 public:
  explicit LimitChecker(const Limits& limits) : limits_(limits) {}

  // Before the entry reaches a sink.
  absl::Status Begin(const Entry& entry);
  // Before the block does; `position` is the source's.
  absl::Status Write(const DataBlock& block, int64_t position);

 private:
  absl::Status CheckNames(const Entry& entry);
  absl::Status CheckSizes(const Entry& entry);

  const Limits limits_;
  int64_t entries_ = 0;
  int64_t text_bytes_ = 0;
  int64_t total_bytes_ = 0;
  // Content that the entries promise, and that came.
  int64_t promised_bytes_ = 0;
  int64_t content_bytes_ = 0;
  // By the hash of the target's path.
  absl::flat_hash_map<uint64_t, uint32_t> hard_links_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_TREE_LIMITS_H_
