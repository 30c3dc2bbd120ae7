// The digest of a file tree: the same for the same tree in whatever order and form it comes.
//
// SHA-256 of each entry's canonical serialisation, added modulo 2^256, with the counts of entries (names; the root and
// directories never seen are among them) and of content bytes (holes included, each hard-link group once). The
// content's part is a FastHash: all that is compared are a tree and its copy, so digests are made to find faults and
// not to resist an attacker. atime, ctime and birth do not count.
#ifndef WSLM_DISTROS_TREE_DIGEST_H_
#define WSLM_DISTROS_TREE_DIGEST_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "distros/tree/entry.h"
#include "distros/tree/source.h"

namespace wslm {

struct TreeDigest {
  std::array<uint8_t, 32> sum{};
  int64_t entries = 0;
  int64_t bytes = 0;
  friend bool operator==(const TreeDigest&, const TreeDigest&) = default;
  // "entries:bytes:hex".
  std::string ToString() const;
};

// Computes a digest from the calls a Sink gets. A path that comes twice counts as the last one (what comes instead of a
// directory takes away what was below it); a directory never seen, the root too, counts as 0755 root with mtime 0.
// Costs about 100 bytes of memory an entry, whatever its path. Not thread-safe.
class DigestBuilder {
 public:
  DigestBuilder();
  ~DigestBuilder();
  // Error: CORRUPT_SOURCE when the entry can't be in a tree with those before: it lies below what is no directory, or
  // links to itself.
  absl::Status Begin(const Entry& entry);
  void Write(const DataBlock& block);
  void End();
  // Error: CORRUPT_SOURCE when a hard link leads to nothing, to a directory or in a circle.
  absl::StatusOr<TreeDigest> Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_TREE_DIGEST_H_
