#include "distros/host/scratch_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

// Little enough that a cancel is seen at once.
constexpr int64_t kPiece = 8 << 20;
constexpr size_t kShownOfStem = 200;

// By way of our own memory, where the kernel can't copy between the two file systems.
absl::Status CopyByHand(int from, int64_t offset, int64_t length, int to, int64_t at, const std::string& path) {
  const auto buffer = std::make_unique<char[]>(kPiece);
  while (length > 0) {
    const ssize_t got = ::pread(from, buffer.get(), static_cast<size_t>(std::min(length, kPiece)), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError("cannot read what is copied to", path);
    // It became shorter meanwhile.
    if (got == 0) return ErrnoError("cannot read what is copied to", path, EIO);
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = ::pwrite(to, buffer.get() + done, static_cast<size_t>(got - done), at + done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return ErrnoError("cannot write", path);
      done += put;
    }
    offset += got;
    at += got;
    length -= got;
  }
  return absl::OkStatus();
}

// At most kPiece bytes.
absl::Status CopyPiece(int from, int64_t offset, int64_t length, int to, int64_t at, const std::string& path) {
  while (length > 0) {
    off_t in = offset;
    off_t out = at;
    const ssize_t count = ::copy_file_range(from, &in, to, &out, static_cast<size_t>(length), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == ENOSPC || errno == EDQUOT)) return ErrnoError("cannot write", path);
    if (count <= 0) return CopyByHand(from, offset, length, to, at, path);
    offset += count;
    at += count;
    length -= count;
  }
  return absl::OkStatus();
}

}  // namespace

ScratchFile::ScratchFile(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
ScratchFile::ScratchFile(ScratchFile&& other) noexcept
    : path_(std::exchange(other.path_, std::string())), fd_(std::move(other.fd_)) {}
ScratchFile& ScratchFile::operator=(ScratchFile&& other) noexcept {
  if (this == &other) return *this;
  Remove();
  path_ = std::exchange(other.path_, std::string());
  fd_ = std::move(other.fd_);
  return *this;
}

absl::StatusOr<ScratchFile> ScratchFile::Make(const std::string& folder, const std::string& stem) {
  std::string path = absl::StrCat(folder, "/.", stem.substr(0, kShownOfStem), "-XXXXXX");
  UniqueFd fd(::mkostemp(path.data(), O_CLOEXEC));
  if (!fd) return ErrnoError("cannot make a file in", folder);
  return ScratchFile(std::move(path), std::move(fd));
}

void ScratchFile::Remove() {
  if (!path_.empty()) ::unlink(path_.c_str());
  path_.clear();
}

absl::Status ScratchFile::MoveTo(const std::string& path) {
  if (::fsync(fd_.get()) != 0) return ErrnoError("cannot write", path_);
  // The old file stays until the new one's name is on the disk. Some file systems (NFS, older FUSE) can't exchange
  // names.
  const bool exchanged = ::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) == 0;
  if (!exchanged && ::rename(path_.c_str(), path.c_str()) != 0) return ErrnoError("cannot replace", path);
  const absl::Status status = SyncFolder(ParentPath(path));
  if (exchanged && !status.ok()) ::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE);
  if (exchanged) {
    Remove();
  } else {
    path_.clear();
  }
  return status;
}

absl::Status CopySparse(int from, int64_t offset, int64_t length, int to, const std::string& to_path,
                        const CancelFlag* cancel, const std::function<void(int64_t done)>& progress) {
  if (::ftruncate(to, length) != 0) return ErrnoError("cannot set the size of", to_path);
  const file_clone_range whole = {
      .src_fd = from, .src_offset = static_cast<uint64_t>(offset), .src_length = static_cast<uint64_t>(length)};
  if (::ioctl(to, FICLONERANGE, &whole) == 0) return absl::OkStatus();

  const int64_t end = offset + length;
  for (int64_t at = offset; at < end;) {
    const off_t data = ::lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    if (data < 0) return ErrnoError("cannot find the data of what is copied to", to_path);
    const off_t hole = ::lseek(from, data, SEEK_HOLE);
    if (hole < 0) return ErrnoError("cannot find the data of what is copied to", to_path);
    const int64_t data_end = std::min<int64_t>(hole, end);
    for (at = data; at < data_end;) {
      RETURN_IF_ERROR(CheckCancel(cancel));
      const int64_t piece = std::min(kPiece, data_end - at);
      RETURN_IF_ERROR(CopyPiece(from, at, piece, to, at - offset, to_path));
      at += piece;
      if (progress) progress(at - offset);
    }
    at = std::max<int64_t>(at, hole);
  }
  return absl::OkStatus();
}

}  // namespace wslm
