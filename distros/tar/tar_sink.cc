#include "distros/tar/tar_sink.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/tar/character_locale.h"
#include "distros/tar/xz_sink.h"

namespace wslm {
namespace {

constexpr size_t kLossesMax = 100;
constexpr int kBlockSize = 256 << 10;

// Each thread of xz -6 needs about 150 MiB, of zstd -3 about 20.
int Threads(int most) { return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, most); }

class TarSink : public Sink {
 public:
  TarSink(std::unique_ptr<ByteSink> bytes)
      : bytes_(std::move(bytes)), archive_(archive_write_new()), entry_(archive_entry_new()) {}

  ~TarSink() override {
    // Without Commit nothing more is to be written: what libarchive would finish when it is freed fails at its first
    // byte.
    dropping_ = true;
  }

  absl::Status Open(TarCompression compression, const CancelFlag* cancel) {
    archive* writer = archive_.get();
    bool ready = archive_write_set_format_pax(writer) == ARCHIVE_OK;
    // One form of xattrs, that of GNU tar, star and others.
    ready = ready && archive_write_set_format_option(writer, "pax", "xattrheader", "SCHILY") == ARCHIVE_OK;
    switch (compression) {
      case TarCompression::kNone:
        break;
      case TarCompression::kGzip:
        ready = ready && archive_write_add_filter_gzip(writer) == ARCHIVE_OK;
        break;
      case TarCompression::kXz: {
        ASSIGN_OR_RETURN(bytes_, OpenXzSink(std::move(bytes_), Threads(3), cancel));
        break;
      }
      case TarCompression::kZstd:
        ready = ready && archive_write_add_filter_zstd(writer) == ARCHIVE_OK && SetThreads("zstd", 8);
        break;
      case TarCompression::kBzip2:
        ready = ready && archive_write_add_filter_bzip2(writer) == ARCHIVE_OK;
        break;
      case TarCompression::kLz4:
        ready = ready && archive_write_add_filter_lz4(writer) == ARCHIVE_OK;
        break;
    }
    archive_write_set_bytes_per_block(writer, kBlockSize);
    // The last block is as long as it is.
    archive_write_set_bytes_in_last_block(writer, 1);
    if (!ready || archive_write_open(writer, this, nullptr, &TarSink::WriteCallback, nullptr) != ARCHIVE_OK) {
      return Failure();
    }
    return absl::OkStatus();
  }

  absl::Status Begin(const Entry& entry) override {
    const ScopedUtf8Locale locale;
    writing_ = false;
    if (entry.is_hard_link()) return Link(entry.path, entry.hard_link_to);
    if (entry.type == FileType::kSocket) {
      Lose(entry.path, "sockets can't be in a tar archive");
      sockets_.insert(entry.path);
      return absl::OkStatus();
    }
    Fill(entry);
    RETURN_IF_ERROR(WriteHeader(entry.path));
    if (entry.type != FileType::kDirectory) written_.insert(absl::HashOf(entry.path));
    size_ = entry.type == FileType::kRegular ? entry.size : 0;
    done_ = 0;
    writing_ = true;
    return absl::OkStatus();
  }

  absl::Status Write(const DataBlock& block) override {
    const ScopedUtf8Locale locale;
    if (!writing_) return absl::OkStatus();
    if (block.offset < done_ || block.offset + static_cast<int64_t>(block.bytes.size()) > size_) {
      return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
                   "A file of the source was changed while it was read; stop what writes there and try again.");
    }
    RETURN_IF_ERROR(WriteZeros(block.offset));
    return WriteBytes(block.bytes);
  }

  absl::Status End() override {
    const ScopedUtf8Locale locale;
    if (!writing_) return absl::OkStatus();
    writing_ = false;
    RETURN_IF_ERROR(WriteZeros(size_));
    if (archive_write_finish_entry(archive_.get()) < ARCHIVE_WARN) return Failure();
    return absl::OkStatus();
  }

  absl::Status Commit() override {
    const ScopedUtf8Locale locale;
    for (const auto& [path, target] : std::exchange(early_links_, {})) {
      std::string last = target;
      // A link to a link that came early, too. Transfer has seen to it that this ends.
      for (auto next = all_early_.find(last); next != all_early_.end(); next = all_early_.find(last))
        last = next->second;
      RETURN_IF_ERROR(WriteLink(path, last));
    }
    if (archive_write_close(archive_.get()) < ARCHIVE_WARN) return Failure();
    return bytes_->Finish();
  }

  std::vector<std::string> losses() const override { return losses_; }

 private:
  struct Free {
    void operator()(archive* writer) const { archive_write_free(writer); }
    void operator()(archive_entry* entry) const { archive_entry_free(entry); }
  };

  static la_ssize_t WriteCallback(archive* writer, void* self, const void* bytes, size_t size) {
    auto& me = *static_cast<TarSink*>(self);
    if (me.status_.ok() && !me.dropping_) me.status_ = me.bytes_->Write({static_cast<const char*>(bytes), size});
    if (me.status_.ok() && !me.dropping_) return static_cast<la_ssize_t>(size);
    archive_set_error(writer, EIO, "%s", "the archive can't be written");
    return -1;
  }

  bool SetThreads(const char* filter, int most) {
    return archive_write_set_filter_option(archive_.get(), filter, "threads", std::to_string(Threads(most)).c_str()) ==
           ARCHIVE_OK;
  }

  absl::Status Failure() const {
    if (!status_.ok()) return status_;
    const char* text = archive_error_string(archive_.get());
    return Error(
        absl::StatusCode::kInternal, reason::kIoError,
        absl::StrCat("The archive can't be written: ", text != nullptr ? Escaped(text) : "unknown cause", "."));
  }

  void Fill(const Entry& entry) {
    archive_entry* to = entry_.get();
    archive_entry_clear(to);
    archive_entry_copy_pathname(to, entry.path.empty() ? "." : entry.path.c_str());
    archive_entry_set_mode(to, TypeBits(entry.type) | entry.mode);
    archive_entry_set_uid(to, entry.uid);
    archive_entry_set_gid(to, entry.gid);
    SetTime(entry, to);
    if (entry.type == FileType::kSymlink) archive_entry_copy_symlink(to, entry.symlink_target.c_str());
    if (entry.type == FileType::kCharDevice || entry.type == FileType::kBlockDevice) {
      archive_entry_set_rdevmajor(to, entry.rdev_major);
      archive_entry_set_rdevminor(to, entry.rdev_minor);
    }
    for (const auto& [name, value] : entry.xattrs) {
      archive_entry_xattr_add_entry(to, name.c_str(), value.data(), value.size());
    }
    archive_entry_set_size(to, entry.type == FileType::kRegular ? entry.size : 0);
    if (entry.type == FileType::kRegular && entry.extents) {
      for (const DataExtent& extent : *entry.extents) archive_entry_sparse_add_entry(to, extent.offset, extent.length);
      // All of it is a hole: an empty piece at the end says so.
      if (entry.extents->empty() && entry.size > 0) archive_entry_sparse_add_entry(to, entry.size, 0);
    }
  }

  // libarchive writes seconds and nanoseconds side by side, so "-1.75" must come to it as -1 and 750,000,000; and
  // "-0.25" can't.
  void SetTime(const Entry& entry, archive_entry* to) {
    int64_t seconds = entry.mtime.seconds;
    int64_t nanoseconds = entry.mtime.nanoseconds;
    if (seconds < -1 && nanoseconds > 0) {
      ++seconds;
      nanoseconds = 1'000'000'000 - nanoseconds;
    } else if (seconds == -1 && nanoseconds > 0) {
      nanoseconds = 0;
      Lose(entry.path, "the fraction of a time in the last second of 1969 can't be in the archive");
    }
    archive_entry_set_mtime(to, seconds, static_cast<long>(nanoseconds));
  }

  absl::Status WriteHeader(const std::string& path) {
    const int result = archive_write_header(archive_.get(), entry_.get());
    if (result == ARCHIVE_OK) return absl::OkStatus();
    if (result < ARCHIVE_WARN) return WithContext(Failure(), Escaped(path));
    const char* text = archive_error_string(archive_.get());
    // Of names that are not UTF-8: they are written as they are.
    if (text != nullptr && !absl::StrContains(text, "translate")) Lose(path, text);
    return absl::OkStatus();
  }

  // A tar can't hold a link before its target: those are kept for the end.
  absl::Status Link(const std::string& path, const std::string& target) {
    if (sockets_.count(target) > 0) {
      Lose(path, "sockets can't be in a tar archive");
      sockets_.insert(path);
      return absl::OkStatus();
    }
    if (written_.count(absl::HashOf(target)) > 0) return WriteLink(path, target);
    early_links_.emplace_back(path, target);
    all_early_[path] = target;
    return absl::OkStatus();
  }

  absl::Status WriteLink(const std::string& path, const std::string& target) {
    if (sockets_.count(target) > 0) {
      Lose(path, "sockets can't be in a tar archive");
      return absl::OkStatus();
    }
    archive_entry* to = entry_.get();
    archive_entry_clear(to);
    archive_entry_copy_pathname(to, path.c_str());
    archive_entry_set_filetype(to, AE_IFREG);
    archive_entry_copy_hardlink(to, target.c_str());
    archive_entry_set_size(to, 0);
    RETURN_IF_ERROR(WriteHeader(path));
    written_.insert(absl::HashOf(path));
    return absl::OkStatus();
  }

  absl::Status WriteBytes(std::string_view bytes) {
    while (!bytes.empty()) {
      const la_ssize_t count = archive_write_data(archive_.get(), bytes.data(), bytes.size());
      if (count <= 0) return Failure();
      bytes.remove_prefix(static_cast<size_t>(count));
      done_ += count;
    }
    return absl::OkStatus();
  }

  // libarchive wants holes as zeros and leaves out what the map of extents calls a hole.
  absl::Status WriteZeros(int64_t end) {
    if (done_ < end && zeros_.empty()) zeros_.resize(size_t{1} << 20);
    while (done_ < end) {
      const auto count = std::min<int64_t>(end - done_, static_cast<int64_t>(zeros_.size()));
      RETURN_IF_ERROR(WriteBytes(std::string_view(zeros_).substr(0, static_cast<size_t>(count))));
    }
    return absl::OkStatus();
  }

  void Lose(const std::string& path, std::string_view why) {
    if (losses_.size() < kLossesMax) losses_.push_back(absl::StrCat(Escaped(path), ": ", std::string(why)));
  }

  std::unique_ptr<ByteSink> bytes_;
  absl::Status status_;
  bool dropping_ = false;
  std::string zeros_;
  std::vector<std::string> losses_;
  absl::flat_hash_set<std::string> sockets_;
  // Hashes of the paths of what links may lead to.
  absl::flat_hash_set<size_t> written_;
  std::vector<std::pair<std::string, std::string>> early_links_;
  std::map<std::string, std::string> all_early_;
  // The entry between Begin and End.
  bool writing_ = false;
  int64_t size_ = 0;
  int64_t done_ = 0;
  const std::unique_ptr<archive, Free> archive_;
  const std::unique_ptr<archive_entry, Free> entry_;
};

}  // namespace

std::optional<TarCompression> TarCompressionOfName(std::string_view file_name) {
  const std::string name = absl::AsciiStrToLower(std::string(file_name.substr(file_name.rfind('/') + 1)));
  constexpr std::pair<std::string_view, TarCompression> kEnds[] = {
      {".gz", TarCompression::kGzip},   {".tgz", TarCompression::kGzip},  {".wsl", TarCompression::kGzip},
      {".xz", TarCompression::kXz},     {".txz", TarCompression::kXz},    {".zst", TarCompression::kZstd},
      {".tzst", TarCompression::kZstd}, {".bz2", TarCompression::kBzip2}, {".tbz2", TarCompression::kBzip2},
      {".tbz", TarCompression::kBzip2}, {".lz4", TarCompression::kLz4},   {".tlz4", TarCompression::kLz4},
      {".tar", TarCompression::kNone}};
  const size_t dot = name.rfind('.');
  const std::string_view end = dot == std::string::npos || dot == 0 ? "" : std::string_view(name).substr(dot);
  for (const auto& [known, compression] : kEnds) {
    if (end == known) return compression;
  }
  // A version or a date is none: "debian-12.5".
  const bool promises = std::any_of(end.begin(), end.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  return promises ? std::nullopt : std::optional(TarCompression::kNone);
}

absl::StatusOr<std::unique_ptr<Sink>> OpenTarSink(std::unique_ptr<ByteSink> bytes, TarCompression compression,
                                                  const CancelFlag* cancel) {
  auto sink = std::make_unique<TarSink>(std::move(bytes));
  RETURN_IF_ERROR(sink->Open(compression, cancel));
  return sink;
}

}  // namespace wslm
