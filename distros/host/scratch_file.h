// A file of ours that is gone at the end unless it is kept, and a copy that keeps holes.
//
//   ASSIGN_OR_RETURN(ScratchFile copy, ScratchFile::Make(folder, "resize"));
//   RETURN_IF_ERROR(CopySparse(image.get(), 0, size, copy.fd(), copy.path(), cancel));
//   RETURN_IF_ERROR(copy.MoveTo(path));
#ifndef WSLM_DISTROS_HOST_SCRATCH_FILE_H_
#define WSLM_DISTROS_HOST_SCRATCH_FILE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/cancel.h"
#include "distros/host/unique_fd.h"

namespace wslm {

// Movable. Not thread-safe. A crash leaves a file whose name begins with "." and the stem; within MoveTo it may be the
// one that is replaced.
class ScratchFile {
 public:
  // Makes an empty file with a name of its own in `folder`, mode 0600, open for reading and writing.
  static absl::StatusOr<ScratchFile> Make(const std::string& folder, const std::string& stem);

  ScratchFile(ScratchFile&& other) noexcept;
  ScratchFile& operator=(ScratchFile&& other) noexcept;
  ~ScratchFile() { Remove(); }

  int fd() const { return fd_.get(); }
  // Empty once it has no name.
  const std::string& path() const { return path_; }

  // Takes its name away; it lives on for who has it open.
  void Remove();
  // Writes it to the disk and gives it the name `path`, whose file it replaces; after an error that is the old one
  // again, where the file system can exchange names.
  absl::Status MoveTo(const std::string& path);

 private:
  ScratchFile(std::string path, UniqueFd fd);

  std::string path_;
  UniqueFd fd_;
};

// Copies `length` bytes at `offset` of `from` to the beginning of the empty file `to` (whose path is for messages), and
// sets its size: by reflink where the file system can, else the data alone, so that holes stay holes. `cancel` may be
// null. `progress`, which may be empty, is told how many of `length` bytes are behind, holes too. Errors: CANCELLED,
// DISK_FULL, IO_ERROR.
absl::Status CopySparse(int from, int64_t offset, int64_t length, int to, const std::string& to_path,
                        const CancelFlag* cancel, const std::function<void(int64_t done)>& progress = {});

}  // namespace wslm

#endif  // WSLM_DISTROS_HOST_SCRATCH_FILE_H_
