// A file tree to write, whatever its form.
//
//   RETURN_IF_ERROR(sink.Begin(entry));
//   RETURN_IF_ERROR(sink.Write(block));  // regular files: any number of times, ascending
//   RETURN_IF_ERROR(sink.End());
//   ...
//   RETURN_IF_ERROR(sink.Commit());
//
// Takes any order: a child before its parent (which is made 0755 root meanwhile), a hard link before its target, a
// directory's attributes before its content, a path that came before (it is replaced; a directory is merged). It works
// on what its maker gave it (a staging folder, an open file) and shows nothing elsewhere; a sink that goes without
// Commit leaves a half-made form that its maker removes. Not thread-safe.
//
// Errors: DISK_FULL, IO_ERROR, CORRUPT_SOURCE (a hard link whose target never came).
#ifndef WSLM_DISTROS_TREE_SINK_H_
#define WSLM_DISTROS_TREE_SINK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "distros/tree/entry.h"

namespace wslm {

class Sink {
 public:
  virtual ~Sink() = default;
  virtual absl::Status Begin(const Entry& entry) = 0;
  virtual absl::Status Write(const DataBlock& block) = 0;
  virtual absl::Status End() = 0;
  // Finishes what was deferred, writes everything to the disk (fsync, syncfs). No call after it.
  virtual absl::Status Commit() = 0;
  // What the form could not hold: "PATH: reason", at most 100. Valid after Commit.
  virtual std::vector<std::string> losses() const { return {}; }
};

}  // namespace wslm

#endif  // WSLM_DISTROS_TREE_SINK_H_
