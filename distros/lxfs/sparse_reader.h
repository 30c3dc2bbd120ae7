// The content of a regular file piece by piece, its holes left out.
#ifndef WSLM_DISTROS_LXFS_SPARSE_READER_H_
#define WSLM_DISTROS_LXFS_SPARSE_READER_H_

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"
#include "distros/tree/entry.h"

namespace wslm {

// Not thread-safe.
class SparseReader {
 public:
  // `fd` open for reading, `st` as it was found; `path` for messages. `buffer` outlives it and is for this alone
  // meanwhile: one for any number of files is made large once.
  SparseReader(UniqueFd fd, const struct stat& st, std::string path, std::vector<char>* buffer);

  // Whether some of the file may be a hole.
  bool has_holes() const { return has_holes_; }
  // What is data, before the first Read, which then gives just that. Error: IO_ERROR.
  absl::StatusOr<std::vector<DataExtent>> FindExtents();
  // As Source::Read. Errors: IO_ERROR, also when the file got shorter meanwhile.
  absl::StatusOr<std::optional<DataBlock>> Read();
  int64_t bytes_read() const { return bytes_read_; }

 private:
  // Data at or after `offset`; nullopt: only a hole is left.
  absl::StatusOr<std::optional<DataExtent>> DataFrom(int64_t offset) const;
  // Sets offset_ and data_end_ to the next data at or after offset_; false: only a hole is left.
  absl::StatusOr<bool> FindData();

  UniqueFd fd_;
  std::string path_;
  int64_t size_;
  bool has_holes_;
  int64_t offset_ = 0;
  int64_t data_end_ = 0;
  int64_t bytes_read_ = 0;
  // Where they were asked for: those that lie behind data_end_, the last first.
  std::optional<std::vector<DataExtent>> extents_;
  std::vector<char>* buffer_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_SPARSE_READER_H_
