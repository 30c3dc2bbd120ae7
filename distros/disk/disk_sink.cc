#include "distros/disk/disk_sink.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "distros/disk/header_reader.h"
#include "distros/disk/qemu_img.h"
#include "distros/ext4/ext4.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/scratch_file.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"

namespace wslm {
namespace {

constexpr int64_t kGiB = int64_t{1} << 30;
constexpr int64_t kLeastSize = 64 * kGiB;
// What the format's 32 bits of sectors and what Windows allow.
constexpr int64_t kLargestVhd = 2040 * kGiB;

// A raw image, removed when it is not committed.
class RawSink : public Sink {
 public:
  RawSink(std::string path, std::unique_ptr<Sink> ext4) : path_(std::move(path)), ext4_(std::move(ext4)) {}
  ~RawSink() override {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  absl::Status Begin(const Entry& entry) override { return ext4_->Begin(entry); }
  absl::Status Write(const DataBlock& block) override { return ext4_->Write(block); }
  absl::Status End() override { return ext4_->End(); }
  absl::Status Commit() override {
    RETURN_IF_ERROR(ext4_->Commit());
    path_.clear();
    return absl::OkStatus();
  }
  std::vector<std::string> losses() const override { return ext4_->losses(); }

 private:
  std::string path_;
  std::unique_ptr<Sink> ext4_;
};

// An image that is converted at the end.
class ConvertingSink : public Sink {
 public:
  ConvertingSink(disk::OpenTarget target, UniqueFd target_fd, DiskFormat format, std::unique_ptr<Sink> ext4,
                 UniqueFd raw, const CancelFlag* cancel)
      : target_(std::move(target)),
        target_fd_(std::move(target_fd)),
        format_(format),
        ext4_(std::move(ext4)),
        raw_(std::move(raw)),
        cancel_(cancel) {}
  ~ConvertingSink() override {
    if (!committed_) ::unlink(target_.path.c_str());
  }
  absl::Status Begin(const Entry& entry) override { return ext4_->Begin(entry); }
  absl::Status Write(const DataBlock& block) override { return ext4_->Write(block); }
  absl::Status End() override { return ext4_->End(); }
  absl::Status Commit() override;
  std::vector<std::string> losses() const override { return ext4_->losses(); }

 private:
  const disk::OpenTarget target_;
  const UniqueFd target_fd_;
  const DiskFormat format_;
  const std::unique_ptr<Sink> ext4_;
  const UniqueFd raw_;
  const CancelFlag* const cancel_;
  bool committed_ = false;
};

absl::Status ConvertingSink::Commit() {
  RETURN_IF_ERROR(ext4_->Commit());
  struct stat st;
  if (::fstat(raw_.get(), &st) != 0) return ErrnoError("cannot read the content of", target_.path);
  const disk::OpenImage raw = {raw_.get(), {.virtual_size = st.st_size}, target_.path};
  RETURN_IF_ERROR(disk::ConvertFromRaw(raw, format_, target_, cancel_));
  if (::fsync(target_.fd) != 0) return ErrnoError("cannot write", target_.path);
  committed_ = true;
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> MakeTarget(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd) return fd;
  if (errno != EEXIST) return ErrnoError("cannot make", path);
  return Error(absl::StatusCode::kAlreadyExists, reason::kFileExists, absl::StrCat(Escaped(path), " exists already."),
               {{"path", path}});
}

}  // namespace

int64_t DefaultDiskSize(int64_t content) {
  const int64_t wanted = std::min(content, disk::kLargestDisk / 2) * 2;
  return std::max(kLeastSize, (wanted + kGiB - 1) / kGiB * kGiB);
}

absl::StatusOr<std::unique_ptr<Sink>> CreateDiskSink(const std::string& path, DiskFormat format,
                                                     const DiskSinkOptions& options) {
  const Ext4Options ext4_options = {.size = options.size > 0 ? options.size : DefaultDiskSize(options.content),
                                    .label = options.label,
                                    .cancel = options.cancel};
  if (format == DiskFormat::kRaw) {
    ASSIGN_OR_RETURN(std::unique_ptr<Sink> ext4, CreateExt4Sink(path, ext4_options));
    return std::make_unique<RawSink>(path, std::move(ext4));
  }
  if ((format == DiskFormat::kVhd || format == DiskFormat::kVhdFixed) && ext4_options.size > kLargestVhd) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 "A VHD has at most 2040 GiB. Export to VHDX, or name a smaller size.");
  }
  ASSIGN_OR_RETURN(UniqueFd target, MakeTarget(path));
  absl::Cleanup remove = [&path] { ::unlink(path.c_str()); };
  // A name that nobody has, free again for mke2fs, which makes the file itself.
  ASSIGN_OR_RETURN(ScratchFile name, ScratchFile::Make(ParentPath(path), BaseName(path)));
  const std::string raw_path = name.path();
  name.Remove();
  ASSIGN_OR_RETURN(std::unique_ptr<Sink> ext4, CreateExt4Sink(raw_path, ext4_options));
  absl::StatusOr<UniqueFd> raw = OpenFile(raw_path, O_RDONLY);
  // It lives on in the descriptors of the sink and of ours.
  ::unlink(raw_path.c_str());
  if (!raw.ok()) return raw.status();
  std::move(remove).Cancel();
  const int target_fd = target.get();
  return std::make_unique<ConvertingSink>(disk::OpenTarget{target_fd, path}, std::move(target), format, std::move(ext4),
                                          *std::move(raw), options.cancel);
}

}  // namespace wslm
