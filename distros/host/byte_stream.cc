#include "distros/host/byte_stream.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

// Pages behind the stream are given back to the kernel in steps of this, so that a large transfer does not evict what
// others have in the cache.
constexpr int64_t kDropStep = int64_t{16} << 20;

class FdSource : public ByteSource {
 public:
  FdSource(UniqueFd fd, std::string_view name) : fd_(std::move(fd)), name_(name) {
    struct stat st;
    if (::fstat(fd_.get(), &st) != 0 || !S_ISREG(st.st_mode)) return;
    const off_t start = ::lseek(fd_.get(), 0, SEEK_CUR);
    if (start < 0) return;
    regular_ = true;
    offset_ = dropped_ = start;
    total_ = st.st_size > start ? st.st_size - start : 0;
    ::posix_fadvise(fd_.get(), start, 0, POSIX_FADV_SEQUENTIAL);
  }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    ssize_t count;
    do {
      count = ::read(fd_.get(), buffer, size);
    } while (count < 0 && errno == EINTR);
    if (count < 0) return ErrnoError("cannot read", name_);
    offset_ += count;
    if (regular_ && offset_ - dropped_ >= kDropStep) {
      ::posix_fadvise(fd_.get(), dropped_, offset_ - dropped_, POSIX_FADV_DONTNEED);
      dropped_ = offset_;
    }
    return static_cast<size_t>(count);
  }

  int64_t total() const override { return total_; }

 private:
  const UniqueFd fd_;
  const std::string name_;
  bool regular_ = false;
  int64_t offset_ = 0;
  int64_t dropped_ = 0;
  int64_t total_ = 0;
};

class FdSink : public ByteSink {
 public:
  FdSink(UniqueFd fd, std::string_view name) : fd_(std::move(fd)), name_(name) {
    struct stat st;
    regular_ = ::fstat(fd_.get(), &st) == 0 && S_ISREG(st.st_mode);
  }

  absl::Status Write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = ::write(fd_.get(), bytes.data(), bytes.size());
      if (count < 0) {
        if (errno == EINTR) continue;
        return ErrnoError("cannot write", name_);
      }
      bytes.remove_prefix(static_cast<size_t>(count));
      written_ += count;
    }
    // Starts writing out early: the fsync at the end then finds little to do.
    if (regular_ && written_ - started_ >= kDropStep) {
      ::sync_file_range(fd_.get(), started_, written_ - started_, SYNC_FILE_RANGE_WRITE);
      started_ = written_;
    }
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    RETURN_IF_ERROR(Failpoint("archive.sync"));
    if (regular_ && ::fsync(fd_.get()) != 0) return ErrnoError("cannot write", name_);
    const int fd = fd_.Release();
    // Some file systems (NFS, quotas) tell of a failed write here only.
    if (::close(fd) != 0 && errno != EINTR) return ErrnoError("cannot write", name_);
    return absl::OkStatus();
  }

 private:
  UniqueFd fd_;
  const std::string name_;
  bool regular_ = false;
  int64_t written_ = 0;
  int64_t started_ = 0;
};

}  // namespace

std::unique_ptr<ByteSource> FdByteSource(UniqueFd fd, std::string_view name) {
  return std::make_unique<FdSource>(std::move(fd), name);
}

std::unique_ptr<ByteSink> FdByteSink(UniqueFd fd, std::string_view name) {
  return std::make_unique<FdSink>(std::move(fd), name);
}

}  // namespace wslm
