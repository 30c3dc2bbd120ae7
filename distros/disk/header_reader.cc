#include "distros/disk/header_reader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::disk {

absl::StatusOr<std::string> HeaderReader::ReadUpTo(uint64_t offset, size_t size) const {
  if (offset >= static_cast<uint64_t>(file_size_)) return std::string();
  size = std::min<uint64_t>(size, static_cast<uint64_t>(file_size_) - offset);
  std::string bytes(size, '\0');
  size_t filled = 0;
  while (filled < size) {
    const ssize_t got = ::pread(fd_, bytes.data() + filled, size - filled, static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError("cannot read", path_);
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

absl::StatusOr<std::string> HeaderReader::Read(uint64_t offset, size_t size) const {
  ASSIGN_OR_RETURN(std::string bytes, ReadUpTo(offset, size));
  if (bytes.size() < size) return Corrupt("it is cut short");
  return bytes;
}

absl::Status HeaderReader::Corrupt(std::string_view what) const {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
               absl::StrCat(Escaped(path_), " is damaged: ", std::string(what), ". Make or download it again."),
               {{"path", path_}});
}

absl::Status HeaderReader::Unsupported(std::string_view detected, std::string_view what,
                                       std::string_view remedy) const {
  return Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat,
               absl::StrCat(Escaped(path_), " ", std::string(what), ". ", std::string(remedy)),
               {{"detected", std::string(detected)}, {"path", path_}});
}

absl::Status HeaderReader::CheckVirtualSize(uint64_t size) const {
  if (size == 0) return Corrupt("it says that its disk has no bytes");
  if (size > static_cast<uint64_t>(kLargestDisk)) {
    return Unsupported("large", "says that its disk is larger than 64 TiB", "Disks up to 64 TiB can be used.");
  }
  return absl::OkStatus();
}

bool HasAt(std::string_view bytes, size_t offset, std::string_view magic) {
  return bytes.size() >= offset && bytes.substr(offset).starts_with(magic);
}

}  // namespace wslm::disk
