#include "distros/oci/image_files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "distros/oci/archive_members.h"
#include "distros/oci/bounded_unpack.h"
#include "distros/oci/json_document.h"
#include "distros/tar/archive_reader.h"
#include "distros/tar/detect.h"
#include "distros/tree/entry.h"

namespace wslm {
namespace {

constexpr size_t kBuffer = size_t{256} << 10;

absl::StatusOr<size_t> ReadFdAt(int fd, int64_t offset, char* buffer, size_t size, std::string_view name) {
  size_t filled = 0;
  while (filled < size) {
    const ssize_t count = ::pread(fd, buffer + filled, size - filled, offset + static_cast<int64_t>(filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError("cannot read", name);
    if (count == 0) break;
    filled += static_cast<size_t>(count);
  }
  return filled;
}

class PartSource : public ByteSource {
 public:
  PartSource(FilePart part, std::string name) : part_(std::move(part)), name_(std::move(name)) {}

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    size = static_cast<size_t>(std::min(static_cast<int64_t>(size), part_.size - done_));
    if (size == 0) return 0;
    ASSIGN_OR_RETURN(const size_t count, ReadFdAt(part_.fd->get(), part_.offset + done_, buffer, size, name_));
    if (count == 0) return CorruptArchive(name_, "it was made shorter while it was read");
    done_ += static_cast<int64_t>(count);
    return count;
  }
  int64_t total() const override { return part_.size; }

 private:
  const FilePart part_;
  const std::string name_;
  int64_t done_ = 0;
};

class FolderFiles : public ImageFiles {
 public:
  FolderFiles(UniqueFd folder, std::string name) : ImageFiles(std::move(name)), folder_(std::move(folder)) {}

  bool Has(const std::string& file) const override { return static_cast<bool>(OpenBelow(file, O_PATH)); }

  absl::StatusOr<FilePart> Open(const std::string& file) const override {
    UniqueFd fd = OpenBelow(file, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!fd && (errno == ENOENT || errno == ENOTDIR || errno == EXDEV || errno == ELOOP || errno == EINVAL)) {
      return CorruptArchive(name(), absl::StrCat("it has no file '", Escaped(file), "'"));
    }
    if (!fd) return ErrnoError("cannot open", absl::StrCat(name(), "/", file));
    struct stat st;
    if (::fstat(fd.get(), &st) != 0) return ErrnoError("cannot read", absl::StrCat(name(), "/", file));
    if (!S_ISREG(st.st_mode)) return CorruptArchive(name(), absl::StrCat("its '", Escaped(file), "' is no file"));
    return FilePart{std::make_shared<const UniqueFd>(std::move(fd)), 0, st.st_size};
  }

 private:
  UniqueFd OpenBelow(const std::string& file, int flags) const {
    const std::optional<std::string> path = NormalisedPath(file);
    errno = EINVAL;
    if (!path || path->empty()) return UniqueFd();
    open_how how = {};
    how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    return UniqueFd(static_cast<int>(::syscall(SYS_openat2, folder_.get(), path->c_str(), &how, sizeof(how))));
  }

  const UniqueFd folder_;
};

class ArchiveFiles : public ImageFiles {
 public:
  ArchiveFiles(std::shared_ptr<const UniqueFd> fd, std::map<std::string, ArchiveMember> members, std::string name)
      : ImageFiles(std::move(name)), fd_(std::move(fd)), members_(std::move(members)) {}

  bool Has(const std::string& file) const override { return Find(file) != nullptr; }

  absl::StatusOr<FilePart> Open(const std::string& file) const override {
    const ArchiveMember* member = Find(file);
    if (member == nullptr) return CorruptArchive(name(), absl::StrCat("it has no file '", Escaped(file), "'"));
    return FilePart{fd_, member->offset, member->size};
  }

 private:
  const ArchiveMember* Find(const std::string& file) const {
    const std::optional<std::string> path = NormalisedPath(file);
    if (!path) return nullptr;
    auto member = members_.find(*path);
    // Archives of Docker have a layer that comes twice as a link to the other.
    for (int links = 0; member != members_.end() && !member->second.link.empty(); ++links) {
      if (links == 8) return nullptr;
      member = members_.find(member->second.link);
    }
    return member == members_.end() ? nullptr : &member->second;
  }

  const std::shared_ptr<const UniqueFd> fd_;
  const std::map<std::string, ArchiveMember> members_;
};

absl::StatusOr<UniqueFd> UnpackTo(const std::string& scratch, ByteSource& bytes, const CancelFlag* cancel) {
  ASSIGN_OR_RETURN(UniqueFd file, ScratchFile(scratch));
  const std::unique_ptr<ByteSink> sink = FdByteSink(UniqueFd(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0)), scratch);
  std::string buffer(kBuffer, '\0');
  while (true) {
    RETURN_IF_ERROR(CheckCancel(cancel));
    ASSIGN_OR_RETURN(const size_t count, bytes.Read(buffer.data(), buffer.size()));
    if (count == 0) return file;
    RETURN_IF_ERROR(WithFreeSpace(sink->Write(std::string_view(buffer).substr(0, count)), scratch, 0));
  }
}

absl::StatusOr<std::string> Head(int fd, const std::string& name) {
  std::string head(kDetectBytes, '\0');
  ASSIGN_OR_RETURN(const size_t count, ReadFdAt(fd, 0, head.data(), head.size(), name));
  head.resize(count);
  return head;
}

}  // namespace

absl::StatusOr<UniqueFd> ScratchFile(const std::string& folder) {
  UniqueFd fd(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd) return fd;
  // Not all file systems have files without a name.
  std::string path = folder + "/.wslm-image-XXXXXX";
  fd.Reset(::mkostemp(path.data(), O_CLOEXEC));
  if (!fd) return ErrnoError("cannot make a file in", folder);
  ::unlink(path.c_str());
  return fd;
}

std::unique_ptr<ByteSource> ReadPart(FilePart part, std::string name) {
  return std::make_unique<PartSource>(std::move(part), std::move(name));
}

absl::StatusOr<std::string> ImageFiles::ReadDocument(const std::string& file) const {
  ASSIGN_OR_RETURN(const FilePart part, Open(file));
  if (part.size > static_cast<int64_t>(kDocumentMax)) {
    return CorruptArchive(name(), absl::StrCat("its '", Escaped(file), "' is larger than 4 MiB"));
  }
  std::string text(static_cast<size_t>(part.size), '\0');
  ASSIGN_OR_RETURN(const size_t count, ReadFdAt(part.fd->get(), part.offset, text.data(), text.size(), name()));
  text.resize(count);
  return text;
}

absl::StatusOr<std::unique_ptr<ImageFiles>> OpenImageFiles(const std::string& path, const std::string& scratch,
                                                           const Limits& limits, const CancelFlag* cancel) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat st;
  if (::fstat(fd.get(), &st) != 0) return ErrnoError("cannot read", path);
  if (S_ISDIR(st.st_mode)) return std::make_unique<FolderFiles>(std::move(fd), path);
  if (!S_ISREG(st.st_mode)) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat,
                 absl::StrCat(Escaped(path), " is neither a file nor a folder. Write the image into a file first."),
                 {{"detected", "special"}, {"path", path}});
  }
  ASSIGN_OR_RETURN(std::string head, Head(fd.get(), path));
  ContentKind kind = DetectContent(head);
  const bool compressed = kind == ContentKind::kGzip || kind == ContentKind::kCompressed;
  if (compressed) {
    const std::unique_ptr<ByteSource> bytes = UnpackWithin(limits, kind, FdByteSource(std::move(fd), path), path);
    ASSIGN_OR_RETURN(fd, UnpackTo(scratch, *bytes, cancel));
    if (::fstat(fd.get(), &st) != 0) return ErrnoError("cannot read", path);
    ASSIGN_OR_RETURN(head, Head(fd.get(), path));
    kind = DetectContent(head);
  }
  if (kind != ContentKind::kTar) return UnsupportedContent(head, path, compressed);
  const auto read = [&](int64_t offset, char* buffer, size_t size) {
    return ReadFdAt(fd.get(), offset, buffer, size, path);
  };
  ASSIGN_OR_RETURN(auto members, ListMembers(read, st.st_size, path));
  return std::make_unique<ArchiveFiles>(std::make_shared<const UniqueFd>(std::move(fd)), std::move(members), path);
}

}  // namespace wslm
