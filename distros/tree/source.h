// A file tree to read, whatever its form.
//
//   Entry entry;
//   while (true) {
//     ASSIGN_OR_RETURN(bool more, source.Next(entry));
//     if (!more) break;
//     for (;;) { ASSIGN_OR_RETURN(auto block, source.Read()); if (!block) break; Use(*block); }
//   }
//
// Not thread-safe. Errors: CORRUPT_SOURCE, UNSUPPORTED_FORMAT, IO_ERROR.
#ifndef WSLM_DISTROS_TREE_SOURCE_H_
#define WSLM_DISTROS_TREE_SOURCE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "distros/tree/entry.h"

namespace wslm {

class Source {
 public:
  virtual ~Source() = default;

  // Goes to the next entry; false after the last. What was not read of the entry before is skipped.
  virtual absl::StatusOr<bool> Next(Entry& entry) = 0;
  // The next piece of the present regular file's content, ascending, not overlapping, as large as is cheap (up to a few
  // MiB); nullopt at its end.
  virtual absl::StatusOr<std::optional<DataBlock>> Read() = 0;

  // How far the source is and how far it goes, in bytes of its own form; total is 0 when unknown.
  virtual int64_t position() const = 0;
  virtual int64_t total() const = 0;

  // Sentences about what was left out or odd, for Operation.warnings; at most 100.
  virtual std::vector<std::string> warnings() const { return {}; }
};

}  // namespace wslm

#endif  // WSLM_DISTROS_TREE_SOURCE_H_
