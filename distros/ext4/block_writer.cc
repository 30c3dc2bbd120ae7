#include "distros/ext4/block_writer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "distros/host/status_macros.h"
#include "distros/host/write_at.h"

namespace wslm::ext4 {
namespace {

constexpr size_t kBufferSize = kWriteAtOnce;
// Pieces from here on are worth a system call of their own rather than a copy.
constexpr size_t kLargePiece = 128 << 10;
constexpr std::array<char, 4096> kZeros{};

}  // namespace

BlockWriter::BlockWriter(int fd, std::string image) : fd_(fd), image_(std::move(image)), write_behind_(fd) {}

absl::Status BlockWriter::Write(uint64_t position, std::string_view bytes) {
  const bool follows = position == position_ + pending_.size();
  if (!follows || pending_.size() + bytes.size() > kBufferSize || bytes.size() >= kLargePiece) RETURN_IF_ERROR(Flush());
  if (bytes.size() >= kLargePiece) return WriteNow(position, bytes);
  if (pending_.empty()) {
    pending_.reserve(kBufferSize);
    position_ = position;
  }
  pending_.append(bytes);
  return absl::OkStatus();
}

absl::Status BlockWriter::WriteZeros(uint64_t position, uint64_t count) {
  while (count > 0) {
    const size_t piece = std::min<uint64_t>(count, kZeros.size());
    RETURN_IF_ERROR(Write(position, {kZeros.data(), piece}));
    position += piece;
    count -= piece;
  }
  return absl::OkStatus();
}

absl::Status BlockWriter::Flush() {
  if (pending_.empty()) return absl::OkStatus();
  const absl::Status status = WriteNow(position_, pending_);
  pending_.clear();
  return status;
}

absl::Status BlockWriter::WriteNow(uint64_t position, std::string_view bytes) {
  RETURN_IF_ERROR(WriteAt(fd_, position, bytes, image_));
  write_behind_.Written(position, bytes.size());
  return absl::OkStatus();
}

}  // namespace wslm::ext4
