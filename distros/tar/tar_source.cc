#include "distros/tar/tar_source.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/tar/acl.h"
#include "distros/tar/archive_reader.h"
#include "distros/tar/character_locale.h"
#include "distros/tar/detect.h"
#include "distros/tar/followed_paths.h"
#include "distros/tar/gunzip.h"
#include "distros/tar/read_ahead.h"
#include "distros/tar/unpack.h"

namespace wslm {
namespace {

constexpr size_t kWarningsMax = 100;

// Counts what is read, for progress that another thread asks for.
class CountedSource : public ByteSource {
 public:
  CountedSource(std::unique_ptr<ByteSource> bytes, std::shared_ptr<std::atomic<int64_t>> count)
      : bytes_(std::move(bytes)), count_(std::move(count)) {}
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    absl::StatusOr<size_t> count = bytes_->Read(buffer, size);
    if (count.ok()) count_->fetch_add(static_cast<int64_t>(*count), std::memory_order_relaxed);
    return count;
  }
  int64_t total() const override { return bytes_->total(); }

 private:
  const std::unique_ptr<ByteSource> bytes_;
  const std::shared_ptr<std::atomic<int64_t>> count_;
};

// A source whose beginning can be looked at before it is read.
class PeekedSource : public ByteSource {
 public:
  static absl::StatusOr<std::unique_ptr<PeekedSource>> Open(std::unique_ptr<ByteSource> bytes, size_t size) {
    std::string head(size, '\0');
    size_t filled = 0;
    while (filled < size) {
      ASSIGN_OR_RETURN(const size_t count, bytes->Read(head.data() + filled, size - filled));
      if (count == 0) break;
      filled += count;
    }
    head.resize(filled);
    return std::unique_ptr<PeekedSource>(new PeekedSource(std::move(bytes), std::move(head)));
  }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    if (used_ == head_.size()) return bytes_->Read(buffer, size);
    const size_t count = std::min(size, head_.size() - used_);
    std::memcpy(buffer, head_.data() + used_, count);
    used_ += count;
    return count;
  }
  int64_t total() const override { return bytes_->total(); }

  std::string_view head() const { return head_; }

 private:
  PeekedSource(std::unique_ptr<ByteSource> bytes, std::string head)
      : bytes_(std::move(bytes)), head_(std::move(head)) {}

  const std::unique_ptr<ByteSource> bytes_;
  const std::string head_;
  size_t used_ = 0;
};

void SupportTar(archive* reader) {
  archive_read_support_format_tar(reader);
  // Files that a Mac adds ("._x") are files like others here.
  archive_read_set_format_option(reader, "tar", "mac-ext", nullptr);
}

class TarSource : public Source {
 public:
  TarSource(std::unique_ptr<ByteSource> tar, std::string name, int64_t total,
            std::shared_ptr<std::atomic<int64_t>> position)
      : total_(total), position_(std::move(position)), reader_(std::move(tar), std::move(name)) {}

  absl::Status Open() {
    SupportTar(reader_.get());
    return reader_.Open();
  }

  absl::StatusOr<bool> Next(Entry& entry) override {
    const ScopedAsciiLocale locale;
    if (ended_) return false;
    if (std::exchange(begun_, true)) {
      const int skipped = archive_read_data_skip(reader_.get());
      if (skipped != ARCHIVE_OK && skipped != ARCHIVE_WARN) return reader_.Failure();
    }
    archive_entry* found = nullptr;
    reader_.BeginHeader();
    const int result = archive_read_next_header(reader_.get(), &found);
    reader_.EndHeader();
    if (result == ARCHIVE_EOF) {
      RETURN_IF_ERROR(CheckEnd());
      ended_ = true;
      return false;
    }
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return reader_.Failure();
    entry = Entry();
    RETURN_IF_ERROR(TakeNames(found, entry));
    if (result == ARCHIVE_WARN) RETURN_IF_ERROR(NoteWarning(entry));
    if (entry.is_hard_link()) {
      paths_.Came(entry);
      return true;
    }
    RETURN_IF_ERROR(TakeType(found, entry));
    paths_.Came(entry);
    RETURN_IF_ERROR(TakeOwner(found, entry));
    TakeTimes(found, entry);
    TakeExtents(found, entry);
    TakeXattrs(found, entry);
    if (!TakeAcls(found, entry)) {
      Warn(absl::StrCat(Escaped(entry.path),
                        ": its access control list was left out, since it has names without numbers."));
    }
    return true;
  }

  absl::StatusOr<std::optional<DataBlock>> Read() override {
    const ScopedAsciiLocale locale;
    while (true) {
      const void* bytes = nullptr;
      size_t size = 0;
      la_int64_t offset = 0;
      const int result = archive_read_data_block(reader_.get(), &bytes, &size, &offset);
      if (result == ARCHIVE_EOF) return std::nullopt;
      if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return reader_.Failure();
      if (size > 0) return DataBlock{offset, {static_cast<const char*>(bytes), size}};
    }
  }

  int64_t position() const override { return position_->load(std::memory_order_relaxed); }
  int64_t total() const override { return total_; }
  std::vector<std::string> warnings() const override { return warnings_; }

 private:
  // libarchive takes the end of the file for the end of the archive, wherever it comes between members. A whole archive
  // ends with blocks of zeros.
  absl::Status CheckEnd() {
    const int64_t position = archive_read_header_position(reader_.get());
    if (!reader_.HasZeroBlock(position)) {
      // Its own fault before ours: a compressed stream that was cut says so.
      RETURN_IF_ERROR(reader_.Drain());
      return CorruptArchive(reader_.name(), "it ends without the mark of a tar archive's end");
    }
    return reader_.Drain();
  }

  absl::Status Corrupt(std::string_view path, std::string_view what) const {
    return CorruptArchive(reader_.name(), absl::StrCat("its entry '", Escaped(path), "' ", std::string(what)));
  }

  absl::Status TakeNames(archive_entry* found, Entry& entry) {
    const char* path = archive_entry_pathname(found);
    if (path == nullptr) return Corrupt("", "has no name");
    std::optional<std::string> normalised = NormalisedPath(path);
    if (!normalised) return Corrupt(path, "has a path that leads out of the tree ('..') or a name over 255 bytes");
    ASSIGN_OR_RETURN(entry.path, Followed(path, *normalised));
    const char* target = archive_entry_hardlink(found);
    if (target == nullptr) return absl::OkStatus();
    normalised = NormalisedPath(target);
    if (!normalised || normalised->empty()) return Corrupt(path, "is a hard link to a path that is not allowed");
    ASSIGN_OR_RETURN(entry.hard_link_to, Followed(path, *normalised));
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Followed(std::string_view entry, const std::string& path) {
    std::optional<std::string> followed = paths_.Follow(path);
    if (!followed) return Corrupt(entry, "lies below links that lead in a circle");
    return *std::move(followed);
  }

  absl::Status TakeType(archive_entry* found, Entry& entry) {
    entry.mode = static_cast<uint16_t>(archive_entry_perm(found) & 07777);
    switch (archive_entry_filetype(found)) {
      case AE_IFREG:
        entry.type = FileType::kRegular;
        entry.size = archive_entry_size(found);
        break;
      case AE_IFDIR:
        entry.type = FileType::kDirectory;
        break;
      case AE_IFIFO:
        entry.type = FileType::kFifo;
        break;
      case AE_IFSOCK:
        entry.type = FileType::kSocket;
        break;
      case AE_IFLNK: {
        entry.type = FileType::kSymlink;
        const char* target = archive_entry_symlink(found);
        entry.symlink_target = target != nullptr ? target : "";
        break;
      }
      case AE_IFCHR:
      case AE_IFBLK: {
        entry.type = archive_entry_filetype(found) == AE_IFCHR ? FileType::kCharDevice : FileType::kBlockDevice;
        const auto major = archive_entry_rdevmajor(found);
        const auto minor = archive_entry_rdevminor(found);
        // Linux: 12 and 20 bits.
        if (major > 0xFFF || minor > 0xFFFFF) return Corrupt(entry.path, "is a device with impossible numbers");
        entry.rdev_major = static_cast<uint32_t>(major);
        entry.rdev_minor = static_cast<uint32_t>(minor);
        break;
      }
      default:
        return Corrupt(entry.path, "is of an unknown type");
    }
    return absl::OkStatus();
  }

  absl::Status TakeOwner(archive_entry* found, Entry& entry) {
    const la_int64_t uid = archive_entry_uid(found);
    const la_int64_t gid = archive_entry_gid(found);
    // The last 32-bit number is no id: Linux takes it for "leave as it is".
    constexpr la_int64_t kMax = UINT32_MAX - la_int64_t{1};
    if (uid < 0 || uid > kMax || gid < 0 || gid > kMax) return Corrupt(entry.path, "has an impossible owner");
    entry.uid = static_cast<uint32_t>(uid);
    entry.gid = static_cast<uint32_t>(gid);
    return absl::OkStatus();
  }

  static Timestamp TimeOf(int64_t seconds, long nanoseconds) {
    // libarchive keeps the digits behind the point of "-1.5" as they are, so they count downwards.
    if (seconds < 0 && nanoseconds > 0) return {seconds - 1, static_cast<uint32_t>(1'000'000'000 - nanoseconds)};
    return {seconds, static_cast<uint32_t>(nanoseconds)};
  }

  static void TakeTimes(archive_entry* found, Entry& entry) {
    entry.mtime = TimeOf(archive_entry_mtime(found), archive_entry_mtime_nsec(found));
    if (archive_entry_atime_is_set(found)) {
      entry.atime = TimeOf(archive_entry_atime(found), archive_entry_atime_nsec(found));
    }
    if (archive_entry_ctime_is_set(found)) {
      entry.ctime = TimeOf(archive_entry_ctime(found), archive_entry_ctime_nsec(found));
    }
    if (archive_entry_birthtime_is_set(found)) {
      entry.birth = TimeOf(archive_entry_birthtime(found), archive_entry_birthtime_nsec(found));
    }
  }

  static void TakeExtents(archive_entry* found, Entry& entry) {
    if (archive_entry_sparse_reset(found) == 0) return;
    std::vector<DataExtent> extents;
    la_int64_t offset = 0;
    la_int64_t length = 0;
    while (archive_entry_sparse_next(found, &offset, &length) == ARCHIVE_OK) {
      if (length > 0) extents.push_back({offset, length});
    }
    entry.extents = std::move(extents);
  }

  static void TakeXattrs(archive_entry* found, Entry& entry) {
    archive_entry_xattr_reset(found);
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    while (archive_entry_xattr_next(found, &name, &value, &size) == ARCHIVE_OK) {
      if (name == nullptr) continue;
      entry.xattrs.insert_or_assign(name, std::string(static_cast<const char*>(value), value != nullptr ? size : 0));
    }
  }

  // Nearly each warning is of a name that is not ASCII and came as it is, and hides what else there may be to say. With
  // UTF-8 libarchive can convert the name: what it says of the same header then counts.
  absl::Status NoteWarning(const Entry& entry) {
    const ScopedUtf8Locale locale;
    const std::string header = reader_.Header();
    const std::unique_ptr<archive, FreeArchive> reader(archive_read_new());
    SupportTar(reader.get());
    archive_entry* again = nullptr;
    if (archive_read_open_memory(reader.get(), header.data(), header.size()) == ARCHIVE_OK &&
        archive_read_next_header(reader.get(), &again) == ARCHIVE_OK) {
      return absl::OkStatus();
    }
    const char* text = archive_error_string(reader.get());
    // A header that was left out may have held the name, or where the content lies; of one kind of wrong map libarchive
    // says nothing but that something is wrong.
    if (text == nullptr || absl::StrContains(text, "pax extended attribute") || absl::StrContains(text, "sparse")) {
      return Corrupt(entry.path, absl::StrCat("can't be read: ", text != nullptr ? text : "its headers are wrong"));
    }
    // Of names that are not UTF-8.
    if (absl::StrContains(text, "can't be converted")) return absl::OkStatus();
    Warn(absl::StrCat(Escaped(entry.path), ": ", Escaped(text), "."));
    return absl::OkStatus();
  }

  void Warn(std::string warning) {
    if (warnings_.size() < kWarningsMax) warnings_.push_back(std::move(warning));
  }

  const int64_t total_;
  const std::shared_ptr<std::atomic<int64_t>> position_;
  ArchiveReader reader_;
  FollowedPaths paths_;
  bool begun_ = false;
  bool ended_ = false;
  std::vector<std::string> warnings_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Source>> OpenTarSource(std::unique_ptr<ByteSource> bytes, std::string name) {
  const int64_t total = bytes->total();
  auto position = std::make_shared<std::atomic<int64_t>>(0);
  ASSIGN_OR_RETURN(std::unique_ptr<PeekedSource> tar,
                   PeekedSource::Open(std::make_unique<CountedSource>(std::move(bytes), position), kDetectBytes));
  ContentKind kind = DetectContent(tar->head());
  const bool compressed = kind == ContentKind::kGzip || kind == ContentKind::kCompressed;
  if (compressed) {
    std::unique_ptr<ByteSource> unpacked =
        kind == ContentKind::kGzip ? Gunzip(std::move(tar), name) : Unpack(std::move(tar), name);
    ASSIGN_OR_RETURN(tar, PeekedSource::Open(ReadAhead(std::move(unpacked)), kDetectBytes));
    kind = DetectContent(tar->head());
  }
  if (kind != ContentKind::kTar) return UnsupportedContent(tar->head(), name, compressed);
  auto source = std::make_unique<TarSource>(std::move(tar), std::move(name), total, std::move(position));
  RETURN_IF_ERROR(source->Open());
  return source;
}

}  // namespace wslm
