#include "daemon/operations/host_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/disk/disk_source.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/scratch_file.h"
#include "distros/host/status_macros.h"
#include "distros/oci/container_image.h"
#include "distros/oci/oci_source.h"
#include "distros/tar/detect.h"
#include "distros/tar/tar_source.h"

namespace wslm::daemon {
namespace {

// So much of a stream tells what it is.
constexpr size_t kHead = size_t{1} << 20;
constexpr size_t kPiece = size_t{256} << 10;

absl::StatusOr<HostSource> OpenContainerImage(const std::string& path, int64_t size, const HostSourceOptions& options) {
  ASSIGN_OR_RETURN(OciImage image, OpenOciSource(path, {.platform = options.platform,
                                                        .ref_name = options.image,
                                                        .scratch = options.scratch,
                                                        .limits = options.limits,
                                                        .cancel = options.cancel}));
  return HostSource{.source = std::move(image.source), .size = size, .config = std::move(image.config)};
}

absl::StatusOr<std::string> ReadHead(int fd, const std::string& path) {
  std::string head(kDetectBytes, '\0');
  const ssize_t got = ::pread(fd, head.data(), head.size(), 0);
  if (got < 0) return ErrnoError("cannot read", path);
  head.resize(static_cast<size_t>(got));
  return head;
}

// The last 512 bytes of a VHD of fixed size say what it is; all before is the disk.
bool EndsLikeDisk(int fd, int64_t size) {
  char cookie[8] = {};
  return size >= 512 && ::pread(fd, cookie, sizeof(cookie), size - 512) == sizeof(cookie) &&
         std::string_view(cookie, sizeof(cookie)) == "conectix";
}

// A stream whose beginning was read already.
class Continued : public ByteSource {
 public:
  Continued(std::string head, std::unique_ptr<ByteSource> rest) : head_(std::move(head)), rest_(std::move(rest)) {}
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    if (at_ == head_.size()) return rest_->Read(buffer, size);
    const size_t count = std::min(size, head_.size() - at_);
    head_.copy(buffer, count, at_);
    at_ += count;
    return count;
  }
  int64_t total() const override { return rest_->total(); }

 private:
  const std::string head_;
  size_t at_ = 0;
  const std::unique_ptr<ByteSource> rest_;
};

absl::Status WriteTo(int fd, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0) return ErrnoError("cannot keep", name);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<HostSource> OpenHostSource(const std::string& path, const HostSourceOptions& options) {
  // A fifo would hold the open up.
  absl::StatusOr<UniqueFd> found = OpenFile(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (absl::IsPermissionDenied(found.status())) {
    return Error(
        absl::StatusCode::kPermissionDenied, reason::kPermissionDenied,
        absl::StrCat("You may not read ", Escaped(path), ". Have its owner let you, or use a copy of your own."),
        {{"path", path}});
  }
  ASSIGN_OR_RETURN(UniqueFd file, std::move(found));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return ErrnoError("cannot look at", path);
  if (S_ISDIR(status.st_mode)) {
    if (LooksLikeContainerImage(path)) return OpenContainerImage(path, 0, options);
    return Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat,
                 absl::StrCat(path,
                              " is a folder, and no container image. Pack it with 'tar --numeric-owner -c' as root and "
                              "use the archive."),
                 {{"detected", "folder"}, {"path", path}});
  }
  if (!S_ISREG(status.st_mode)) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat,
                 absl::StrCat(path, " is no regular file. Give a stream through standard input, as '-'."),
                 {{"detected", "special file"}, {"path", path}});
  }
  HostSource opened;
  opened.size = status.st_size;
  ASSIGN_OR_RETURN(const std::string head, ReadHead(file.get(), path));
  const ContentKind kind = DetectContent(head);
  if (kind == ContentKind::kDisk || (kind == ContentKind::kOther && EndsLikeDisk(file.get(), status.st_size))) {
    // Of a sparse one what is in it.
    opened.size = std::min<int64_t>(status.st_size, int64_t{status.st_blocks} * 512);
    ASSIGN_OR_RETURN(opened.source, OpenDiskSource(path, options.scratch, options.cancel));
    return opened;
  }
  if (LooksLikeContainerImage(path)) return OpenContainerImage(path, status.st_size, options);
  ASSIGN_OR_RETURN(opened.source, OpenTarSource(FdByteSource(std::move(file), path), path));
  return opened;
}

absl::StatusOr<HostSource> OpenStreamSource(std::unique_ptr<ByteSource> bytes, const std::string& name,
                                            const HostSourceOptions& options) {
  std::string head(kHead, '\0');
  size_t filled = 0;
  while (filled < head.size()) {
    ASSIGN_OR_RETURN(const size_t count, bytes->Read(head.data() + filled, head.size() - filled));
    if (count == 0) break;
    filled += count;
  }
  head.resize(filled);
  const bool is_disk = DetectContent(std::string_view(head).substr(0, kDetectBytes)) == ContentKind::kDisk;
  if (!is_disk && !BeginsLikeContainerImage(head)) {
    HostSource opened;
    opened.size = bytes->total();
    ASSIGN_OR_RETURN(opened.source,
                     OpenTarSource(std::make_unique<Continued>(std::move(head), std::move(bytes)), name));
    return opened;
  }
  ASSIGN_OR_RETURN(const ScratchFile file, ScratchFile::Make(options.scratch, "upload"));
  RETURN_IF_ERROR(WriteTo(file.fd(), head, name));
  std::string piece(kPiece, '\0');
  while (true) {
    RETURN_IF_ERROR(CheckCancel(options.cancel));
    ASSIGN_OR_RETURN(const size_t count, bytes->Read(piece.data(), piece.size()));
    if (count == 0) break;
    RETURN_IF_ERROR(WriteTo(file.fd(), std::string_view(piece).substr(0, count), name));
  }
  // Whoever opens it keeps it; its name goes.
  return OpenHostSource(file.path(), options);
}

}  // namespace wslm::daemon
