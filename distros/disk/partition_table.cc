#include "distros/disk/partition_table.h"

#include <zlib.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/host/status_macros.h"

namespace wslm::disk {
namespace {

constexpr std::string_view kGptSignature = "EFI PART";
constexpr uint32_t kGptHeaderSize = 92;
// 128 entries of 128 bytes are usual.
constexpr uint32_t kMostGptEntries = 1024;
constexpr uint32_t kLargestGptEntry = 1024;

constexpr uint32_t kSector = 512;
constexpr size_t kMbrEntries = 446;
constexpr size_t kMbrEntrySize = 16;
constexpr int kFirstLogical = 5;
constexpr int kMostLogical = 128;

uint32_t Crc32(std::string_view bytes) {
  return static_cast<uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

// From sectors `first` to before `end`; false when it is empty or goes beyond the disk.
bool SetRange(const HeaderReader& disk, uint64_t first, uint64_t end, uint32_t sector_size, Partition& partition) {
  const uint64_t sectors = static_cast<uint64_t>(disk.file_size()) / sector_size;
  if (first == 0 || first >= end || end > sectors) return false;
  partition.offset = static_cast<int64_t>(first * sector_size);
  partition.length = static_cast<int64_t>((end - first) * sector_size);
  return true;
}

std::string GptName(std::string_view entry) {
  std::string name;
  for (size_t at = 56; at + 2 <= 128; at += 2) {
    const auto unit = LittleEndian<uint16_t>(entry, at);
    if (unit == 0) break;
    name += unit >= 0x20 && unit < 0x7F ? static_cast<char>(unit) : '?';
  }
  return name;
}

struct MbrEntry {
  uint8_t type = 0;
  uint64_t first = 0;
  uint64_t count = 0;
  bool is_extended() const { return type == 0x05 || type == 0x0F || type == 0x85; }
};

MbrEntry EntryOf(std::string_view sector, size_t index) {
  const std::string_view entry = sector.substr(kMbrEntries + index * kMbrEntrySize, kMbrEntrySize);
  return {static_cast<uint8_t>(entry[4]), LittleEndian<uint32_t>(entry, 8), LittleEndian<uint32_t>(entry, 12)};
}

// The chain of tables in the extended partition, each with one partition and the way to the next.
absl::Status ReadLogical(const HeaderReader& disk, uint64_t extended, std::vector<Partition>& partitions) {
  uint64_t table = extended;
  for (int number = kFirstLogical; number < kFirstLogical + kMostLogical; ++number) {
    ASSIGN_OR_RETURN(const std::string sector, disk.Read(table * kSector, kSector));
    if (!HasMbr(sector)) return disk.Corrupt("its table of logical partitions can't be read");
    const MbrEntry entry = EntryOf(sector, 0);
    Partition partition{.number = number};
    if (entry.type != 0 && SetRange(disk, table + entry.first, table + entry.first + entry.count, kSector, partition)) {
      partitions.push_back(std::move(partition));
    }
    const MbrEntry next = EntryOf(sector, 1);
    if (!next.is_extended() || next.first == 0) return absl::OkStatus();
    table = extended + next.first;
  }
  return disk.Corrupt("its table of logical partitions has no end");
}

}  // namespace

uint32_t GptSectorSize(std::string_view head) {
  for (const uint32_t size : {kSector, uint32_t{4096}}) {
    if (HasAt(head, size, kGptSignature)) return size;
  }
  return 0;
}

bool HasMbr(std::string_view head) { return head.size() >= kSector && head.substr(510, 2) == "\x55\xAA"; }

absl::StatusOr<std::vector<Partition>> ReadGpt(const HeaderReader& disk, uint32_t sector_size) {
  ASSIGN_OR_RETURN(std::string header, disk.Read(sector_size, kGptHeaderSize));
  const auto stored = LittleEndian<uint32_t>(header, 16);
  header.replace(16, 4, 4, '\0');
  if (LittleEndian<uint32_t>(header, 12) != kGptHeaderSize || Crc32(header) != stored) {
    return disk.Corrupt("the header of its partition table (GPT) has a wrong checksum");
  }
  const auto table = LittleEndian<uint64_t>(header, 72);
  const auto count = LittleEndian<uint32_t>(header, 80);
  const auto entry_size = LittleEndian<uint32_t>(header, 84);
  if (count > kMostGptEntries || entry_size < 128 || entry_size > kLargestGptEntry ||
      table > static_cast<uint64_t>(disk.file_size()) / sector_size) {
    return disk.Corrupt("its partition table (GPT) can't be");
  }
  ASSIGN_OR_RETURN(const std::string entries, disk.Read(table * sector_size, size_t{count} * entry_size));
  if (Crc32(entries) != LittleEndian<uint32_t>(header, 88)) {
    return disk.Corrupt("its partition table (GPT) has a wrong checksum");
  }
  std::vector<Partition> partitions;
  for (uint32_t i = 0; i < count; ++i) {
    const std::string_view entry = std::string_view(entries).substr(size_t{i} * entry_size, entry_size);
    // Without a type it is unused.
    if (entry.substr(0, 16).find_first_not_of('\0') == std::string_view::npos) continue;
    Partition partition{.number = static_cast<int>(i + 1), .name = GptName(entry)};
    const auto last = LittleEndian<uint64_t>(entry, 40);
    if (last == UINT64_MAX || !SetRange(disk, LittleEndian<uint64_t>(entry, 32), last + 1, sector_size, partition)) {
      return disk.Corrupt(absl::StrCat("its partition ", partition.number, " goes beyond the disk"));
    }
    partitions.push_back(std::move(partition));
  }
  return partitions;
}

absl::StatusOr<std::vector<Partition>> ReadMbr(const HeaderReader& disk) {
  ASSIGN_OR_RETURN(const std::string sector, disk.Read(0, kSector));
  std::vector<Partition> partitions;
  uint64_t extended = 0;
  for (int i = 0; i < 4; ++i) {
    const MbrEntry entry = EntryOf(sector, static_cast<size_t>(i));
    if (entry.is_extended()) {
      extended = entry.first;
      continue;
    }
    Partition partition{.number = i + 1};
    if (entry.type == 0 || entry.count == 0) continue;
    if (!SetRange(disk, entry.first, entry.first + entry.count, kSector, partition)) {
      return disk.Corrupt(absl::StrCat("its partition ", partition.number, " goes beyond the disk"));
    }
    partitions.push_back(std::move(partition));
  }
  if (extended != 0) RETURN_IF_ERROR(ReadLogical(disk, extended, partitions));
  return partitions;
}

}  // namespace wslm::disk
