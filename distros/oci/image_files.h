// The files that make up a container image, by name: of a folder, or of a tar archive, in which they are read in place.
//
//   ASSIGN_OR_RETURN(auto files, OpenImageFiles("/tmp/image.tar", "/tmp", {}, nullptr));
//   ASSIGN_OR_RETURN(FilePart index, files->Open("index.json"));
#ifndef WSLM_DISTROS_OCI_IMAGE_FILES_H_
#define WSLM_DISTROS_OCI_IMAGE_FILES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "distros/host/byte_stream.h"
#include "distros/host/cancel.h"
#include "distros/host/unique_fd.h"
#include "distros/tree/limits.h"

namespace wslm {

// A file, or a part of one.
struct FilePart {
  std::shared_ptr<const UniqueFd> fd;
  int64_t offset = 0;
  int64_t size = 0;
};

// Reads it; several may read one file side by side. `name` is for messages.
std::unique_ptr<ByteSource> ReadPart(FilePart part, std::string name);

// Const calls are thread-safe.
class ImageFiles {
 public:
  virtual ~ImageFiles() = default;
  virtual bool Has(const std::string& file) const = 0;
  // `file` comes from an image: what leads out of the folder or archive is not found. Errors: CORRUPT_SOURCE when it is
  // not there or no regular file, IO_ERROR.
  virtual absl::StatusOr<FilePart> Open(const std::string& file) const = 0;

  // The whole content. CORRUPT_SOURCE when it is larger than a document may be (kDocumentMax).
  absl::StatusOr<std::string> ReadDocument(const std::string& file) const;
  // The folder or archive, for messages.
  const std::string& name() const { return name_; }

 protected:
  explicit ImageFiles(std::string name) : name_(std::move(name)) {}

 private:
  const std::string name_;
};

// A compressed archive is unpacked into a file without a name in the folder `scratch` first, as far as `limits` allow.
// `cancel` may be null.
// Errors: FILE_NOT_FOUND, UNSUPPORTED_FORMAT, CORRUPT_SOURCE, DISK_FULL, CANCELLED, IO_ERROR.
absl::StatusOr<std::unique_ptr<ImageFiles>> OpenImageFiles(const std::string& path, const std::string& scratch,
                                                           const Limits& limits, const CancelFlag* cancel);

// A file without a name in `folder`, to write and read.
absl::StatusOr<UniqueFd> ScratchFile(const std::string& folder);

}  // namespace wslm

#endif  // WSLM_DISTROS_OCI_IMAGE_FILES_H_
