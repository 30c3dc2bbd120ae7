// Explains how two trees differ, by path and attribute.
//
//   ASSIGN_OR_RETURN(const Comparison comparison, CompareTrees(*first, *second, options));
#ifndef WSLM_DISTROS_TREE_COMPARE_H_
#define WSLM_DISTROS_TREE_COMPARE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "distros/tree/source.h"
#include "distros/tree/transfer.h"

namespace wslm {

struct AttributeDifference {
  // "type", "mode", "owner", "group", "mtime", "target", "device", "size", "content", "hard link", "xattr NAME".
  std::string attribute;
  // For a person; bytes of the tree's own are escaped. Empty: it has none.
  std::string first;
  std::string second;
};

struct Difference {
  enum class Kind { kOnlyInFirst, kOnlyInSecond, kChanged };
  Kind kind = Kind::kChanged;
  // As Entry::path.
  std::string path;
  // Of kChanged, in the order above.
  std::vector<AttributeDifference> attributes;
};

struct Comparison {
  // Names in each tree, the root among them.
  int64_t first_entries = 0;
  int64_t second_entries = 0;
  // Paths that differ, and the first of them in the order of bytes.
  int64_t count = 0;
  std::vector<Difference> differences;
};

struct CompareOptions {
  // For each tree in turn.
  TransferOptions first;
  TransferOptions second;
  // So many differences are explained; all are counted.
  size_t most_explained = 1000;
};

// Reads both to their ends. atime, ctime, birth and where the holes are do not count. Below what is no
// directory in the other tree, nothing is listed or counted. Errors: those of the sources, CANCELLED.
absl::StatusOr<Comparison> CompareTrees(Source& first, Source& second, const CompareOptions& options);

}  // namespace wslm

#endif  // WSLM_DISTROS_TREE_COMPARE_H_
