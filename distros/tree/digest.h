// The digest of a file tree: the same for the same tree in whatever order and form it comes.
//
// SHA-256 of each entry's canonical serialisation, added modulo 2^256, with the counts of entries and of content bytes.
// It detects faults; it does not resist an attacker. atime, ctime and birth do not count.
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

// Computes a digest from the calls a Sink gets. A path that comes twice counts as the last one; a directory never seen
// counts as 0755 root with mtime 0. Not thread-safe.
class DigestBuilder {
 public:
  DigestBuilder();
  ~DigestBuilder();
  void Begin(const Entry& entry);
  void Write(const DataBlock& block);
  void End();
  TreeDigest Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_TREE_DIGEST_H_
