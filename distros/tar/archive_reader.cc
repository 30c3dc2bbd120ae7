#include "distros/tar/archive_reader.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

constexpr size_t kPieceSize = size_t{256} << 10;
constexpr size_t kBlock = 512;
// No archive has more behind its end than padding; what goes on for longer is not waited for.
constexpr int64_t kDrainMax = int64_t{1} << 30;
// A hundred thousand pieces of a sparse file take 2 MiB.
constexpr int64_t kHeaderMax = int64_t{4} << 20;

}  // namespace

absl::Status CorruptArchive(std::string_view name, std::string_view detail) {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
               absl::StrCat(Escaped(name), " is damaged or not complete: ", Escaped(detail), "."),
               {{"detail", std::string(detail)}, {"path", std::string(name)}});
}

ArchiveReader::ArchiveReader(std::unique_ptr<ByteSource> bytes, std::string name)
    : bytes_(std::move(bytes)), name_(std::move(name)), archive_(archive_read_new()) {
  for (Piece& piece : pieces_) piece.buffer.resize(kPieceSize);
}

absl::Status ArchiveReader::Open() {
  if (archive_read_open(archive_.get(), this, nullptr, &ArchiveReader::ReadCallback, nullptr) == ARCHIVE_OK) {
    return absl::OkStatus();
  }
  return Failure();
}

absl::Status ArchiveReader::Failure() const {
  if (!status_.ok()) return status_;
  const char* text = archive_error_string(archive_.get());
  return CorruptArchive(name_, text != nullptr ? text : "it can't be read");
}

void ArchiveReader::BeginHeader() {
  read_max_ = pieces_[current_].offset + static_cast<int64_t>(pieces_[current_].size) + kHeaderMax;
  before_.clear();
}

std::string ArchiveReader::Header() const {
  const int64_t begin = archive_read_header_position(archive_.get());
  const int64_t end = archive_filter_bytes(archive_.get(), 0);
  const Piece& older = pieces_[1 - current_];
  const Piece& newer = pieces_[current_];
  int64_t offset = older.offset - static_cast<int64_t>(before_.size());
  std::string header;
  for (const std::string_view part : {std::string_view(before_), std::string_view(older.buffer.data(), older.size),
                                      std::string_view(newer.buffer.data(), newer.size)}) {
    const auto size = static_cast<int64_t>(part.size());
    const int64_t from = std::clamp<int64_t>(begin - offset, 0, size);
    header += part.substr(static_cast<size_t>(from),
                          static_cast<size_t>(std::clamp<int64_t>(end - offset, from, size) - from));
    offset += size;
  }
  return header;
}

bool ArchiveReader::Fill() {
  const int64_t end = pieces_[current_].offset + static_cast<int64_t>(pieces_[current_].size);
  if (end > read_max_) {
    status_ = CorruptArchive(name_, "the description of an entry has no end");
    return false;
  }
  current_ = 1 - current_;
  Piece& piece = pieces_[current_];
  if (read_max_ != INT64_MAX) before_.append(piece.buffer.data(), piece.size);
  piece.offset = end;
  piece.size = 0;
  while (piece.size < piece.buffer.size()) {
    const absl::StatusOr<size_t> count =
        bytes_->Read(piece.buffer.data() + piece.size, piece.buffer.size() - piece.size);
    if (!count.ok()) {
      status_ = count.status();
      return false;
    }
    if (*count == 0) break;
    piece.size += *count;
  }
  return true;
}

la_ssize_t ArchiveReader::ReadCallback(archive* reader, void* self, const void** buffer) {
  auto& me = *static_cast<ArchiveReader*>(self);
  if (!me.status_.ok() || !me.Fill()) {
    archive_set_error(reader, EIO, "%s", "the source can't be read");
    return -1;
  }
  *buffer = me.pieces_[me.current_].buffer.data();
  return static_cast<la_ssize_t>(me.pieces_[me.current_].size);
}

bool ArchiveReader::HasZeroBlock(int64_t offset) const {
  for (const Piece& piece : pieces_) {
    const int64_t within = offset - piece.offset;
    if (within < 0 || within + static_cast<int64_t>(kBlock) > static_cast<int64_t>(piece.size)) continue;
    const auto start = piece.buffer.begin() + within;
    return std::all_of(start, start + kBlock, [](char c) { return c == '\0'; });
  }
  return false;
}

absl::Status ArchiveReader::Drain() {
  for (int64_t drained = 0; drained < kDrainMax; drained += static_cast<int64_t>(pieces_[current_].size)) {
    if (!status_.ok() || !Fill()) return status_;
    if (pieces_[current_].size == 0) break;
  }
  return absl::OkStatus();
}

}  // namespace wslm
