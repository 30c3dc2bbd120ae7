#include "distros/disk/content_reader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "distros/disk/vhd_header.h"
#include "distros/disk/vhdx_header.h"
#include "distros/host/status_macros.h"

namespace wslm::disk {
namespace {

// By a table of blocks of one size, of which some are there and the others zeros.
class BlockContent : public HeaderReader {
 public:
  BlockContent(HeaderReader file, int64_t virtual_size, uint64_t block_size)
      : HeaderReader(-1, file.path(), virtual_size), file_(std::move(file)), block_size_(block_size) {}

  absl::StatusOr<std::string> ReadUpTo(uint64_t offset, size_t size) const override {
    const auto end = static_cast<uint64_t>(file_size());
    if (offset >= end) return std::string();
    size = std::min<uint64_t>(size, end - offset);
    std::string bytes;
    while (bytes.size() < size) {
      const uint64_t at = offset + bytes.size();
      const uint64_t inside = at % block_size_;
      const size_t piece = std::min<uint64_t>(size - bytes.size(), block_size_ - inside);
      ASSIGN_OR_RETURN(const uint64_t place, PlaceOf(at / block_size_));
      if (place == 0) {
        bytes.append(piece, '\0');
      } else {
        ASSIGN_OR_RETURN(const std::string read, file_.Read(place + inside, piece));
        bytes += read;
      }
    }
    return bytes;
  }

 protected:
  // Of block number `block`, in the file; 0 when it is not there and reads as zeros.
  virtual absl::StatusOr<uint64_t> PlaceOf(uint64_t block) const = 0;

  const HeaderReader file_;

 private:
  const uint64_t block_size_;
};

class VhdContent : public BlockContent {
 public:
  VhdContent(HeaderReader file, int64_t virtual_size, const VhdTable& table)
      : BlockContent(std::move(file), virtual_size, table.block_size), table_(table) {}

 protected:
  absl::StatusOr<uint64_t> PlaceOf(uint64_t block) const override {
    constexpr uint32_t kUnused = UINT32_MAX;
    if (block >= table_.entries) return file_.Corrupt("its table of blocks is too short");
    ASSIGN_OR_RETURN(const std::string entry, file_.Read(table_.offset + block * 4, 4));
    const auto sector = BigEndian<uint32_t>(entry, 0);
    // A map of the block's sectors comes before the block.
    return sector == kUnused ? 0 : uint64_t{sector} * 512 + table_.map_size;
  }

 private:
  const VhdTable table_;
};

class VhdxContent : public BlockContent {
 public:
  VhdxContent(HeaderReader file, int64_t virtual_size, const VhdxTable& table)
      : BlockContent(std::move(file), virtual_size, table.block_size), table_(table) {}

 protected:
  absl::StatusOr<uint64_t> PlaceOf(uint64_t block) const override {
    constexpr uint64_t kStateMask = 7;
    constexpr uint64_t kFullyPresent = 6;
    constexpr uint64_t kOffsetMask = ~((uint64_t{1} << 20) - 1);
    const uint64_t index = block + block / table_.chunk_ratio;
    if (index >= table_.length / 8) return file_.Corrupt("its table of blocks is too short");
    ASSIGN_OR_RETURN(const std::string bytes, file_.Read(table_.offset + index * 8, 8));
    const auto entry = LittleEndian<uint64_t>(bytes, 0);
    return (entry & kStateMask) == kFullyPresent ? entry & kOffsetMask : 0;
  }

 private:
  const VhdxTable table_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HeaderReader>> OpenContent(int fd, const std::string& path, const DiskFacts& facts) {
  // As far as any offset goes: what lies beyond the end of the file is not read.
  HeaderReader file(fd, path, INT64_MAX);
  switch (facts.format) {
    case DiskFormat::kRaw:
    case DiskFormat::kVhdFixed:
      return std::make_unique<HeaderReader>(fd, path, facts.virtual_size);
    case DiskFormat::kVhd: {
      ASSIGN_OR_RETURN(const VhdTable table, ReadVhdTable(file));
      return std::make_unique<VhdContent>(std::move(file), facts.virtual_size, table);
    }
    case DiskFormat::kVhdx: {
      ASSIGN_OR_RETURN(const VhdxTable table, ReadVhdxTable(file));
      return std::make_unique<VhdxContent>(std::move(file), facts.virtual_size, table);
    }
    case DiskFormat::kQcow2:
      break;
  }
  return file.Unsupported("qcow2", "is a qcow2 image", "Import it: 'wslm import NAME FILE'.");
}

}  // namespace wslm::disk
