#include "distros/disk/vhdx_header.h"

#include <map>
#include <optional>
#include <string>

#include "distros/ext4/filesystem.h"
#include "distros/host/status_macros.h"

namespace wslm::disk {
namespace {

using std::string_view_literals::operator""sv;

constexpr uint64_t kHeaders[] = {64 << 10, 128 << 10};
constexpr size_t kHeaderSize = 4096;
constexpr uint64_t kRegionTables[] = {192 << 10, 256 << 10};
constexpr size_t kTableSize = 64 << 10;
constexpr uint32_t kMostEntries = 2047;

// GUIDs as they lie in the file.
constexpr size_t kGuidSize = 16;
constexpr std::string_view kMetadataRegion = "\x06\xA2\x7C\x8B\x90\x47\x9A\x4B\xB8\xFE\x57\x5F\x05\x0F\x88\x6E"sv;
constexpr std::string_view kTableRegion = "\x66\x77\xC2\x2D\x23\xF6\x00\x42\x9D\x64\x11\x5E\x9B\xFD\x4A\x08"sv;
constexpr std::string_view kLogicalSectorSize = "\x1D\xBF\x41\x81\x6F\xA9\x09\x47\xBA\x47\xF2\x33\xA8\xFA\xAB\x5F"sv;
constexpr std::string_view kFileParameters = "\x37\x67\xA1\xCA\x36\xFA\x43\x4D\xB3\xB6\x33\xF0\xAA\x44\xE7\x6B"sv;
constexpr std::string_view kVirtualDiskSize = "\x24\x42\xA5\x2F\x1B\xCD\x76\x48\xB2\x11\x5D\xBE\xD8\x3B\xF4\xB8"sv;
constexpr std::string_view kParentLocator = "\x2D\x5F\xD3\xA8\x0B\xB3\x4D\x45\xAB\xF7\xD3\xD8\x48\x34\xAB\x0C"sv;

constexpr uint32_t kHasParent = 1 << 1;

absl::Status RefuseParent(const HeaderReader& file) {
  return file.Unsupported("vhdx-differencing", "is a VHDX that is built on another one (a differencing disk)",
                          "Merge it with its parent, where both are (on Windows: Convert-VHD or Merge-VHD).");
}

// Castagnoli's CRC over `bytes`, its own four bytes taken as zeros.
uint32_t Checksum(std::string_view bytes, size_t own) {
  uint32_t crc = ext4::ContinueChecksum(~uint32_t{0}, bytes.substr(0, own));
  crc = ext4::ContinueChecksum(crc, "\0\0\0\0"sv);
  return ~ext4::ContinueChecksum(crc, bytes.substr(own + 4));
}

bool IsRight(std::string_view bytes, std::string_view signature) {
  constexpr size_t kOwn = 4;
  return bytes.size() > kOwn + 4 && bytes.starts_with(signature) &&
         Checksum(bytes, kOwn) == LittleEndian<uint32_t>(bytes, kOwn);
}

// Of the two headers the newer that is right: whether its log is empty.
absl::StatusOr<bool> LogIsEmpty(const HeaderReader& file) {
  std::optional<std::string> current;
  for (const uint64_t offset : kHeaders) {
    ASSIGN_OR_RETURN(std::string header, file.Read(offset, kHeaderSize));
    if (!IsRight(header, "head")) continue;
    if (!current || LittleEndian<uint64_t>(header, 8) > LittleEndian<uint64_t>(*current, 8)) {
      current = std::move(header);
    }
  }
  if (!current) return file.Corrupt("neither of its two headers is right");
  return current->compare(48, kGuidSize, std::string(kGuidSize, '\0')) == 0;
}

// A table's item or region.
struct Piece {
  uint64_t offset = 0;
  uint32_t length = 0;
};

absl::StatusOr<Piece> FindRegion(const HeaderReader& file, std::string_view id) {
  std::optional<Piece> found;
  bool any = false;
  // Both are read: whoever opens the file after us may take either.
  for (const uint64_t at : kRegionTables) {
    ASSIGN_OR_RETURN(const std::string table, file.Read(at, kTableSize));
    if (!IsRight(table, "regi")) continue;
    any = true;
    const auto count = LittleEndian<uint32_t>(table, 8);
    if (count > kMostEntries) return file.Corrupt("its table of regions has too many entries");
    for (uint32_t i = 0; i < count; ++i) {
      const std::string_view entry = std::string_view(table).substr(16 + size_t{i} * 32, 32);
      if (!entry.starts_with(id)) continue;
      const Piece piece = {LittleEndian<uint64_t>(entry, 16), LittleEndian<uint32_t>(entry, 24)};
      if (found && (found->offset != piece.offset || found->length != piece.length)) {
        return file.Corrupt("its tables of regions contradict each other");
      }
      found = piece;
    }
  }
  if (!any) return file.Corrupt("neither of its two tables of regions is right");
  if (!found) return file.Corrupt("one of its regions is missing");
  return *found;
}

// What the metadata say of the disk.
struct Parameters {
  uint64_t size = 0;
  uint32_t block_size = 0;
  uint32_t flags = 0;
  uint32_t sector_size = 0;
};

absl::StatusOr<Parameters> ReadParameters(const HeaderReader& file) {
  ASSIGN_OR_RETURN(const Piece region, FindRegion(file, kMetadataRegion));
  ASSIGN_OR_RETURN(const std::string table, file.Read(region.offset, kTableSize));
  if (!HasAt(table, 0, "metadata")) return file.Corrupt("its metadata is missing");
  const auto count = LittleEndian<uint16_t>(table, 10);
  if (count > kMostEntries) return file.Corrupt("its metadata has too many entries");

  // Values by item; each may be there once.
  std::map<std::string_view, std::string> values;
  for (uint32_t i = 0; i < count; ++i) {
    const std::string_view entry = std::string_view(table).substr(32 + size_t{i} * 32, 32);
    const Piece item = {LittleEndian<uint32_t>(entry, 16), LittleEndian<uint32_t>(entry, 20)};
    if (entry.starts_with(kParentLocator)) return RefuseParent(file);
    for (const std::string_view known : {kFileParameters, kVirtualDiskSize, kLogicalSectorSize}) {
      if (!entry.starts_with(known)) continue;
      const size_t length = known == kLogicalSectorSize ? 4 : 8;
      if (item.length < length || values.contains(known)) return file.Corrupt("its metadata contradicts itself");
      ASSIGN_OR_RETURN(values[known], file.Read(region.offset + item.offset, length));
    }
  }
  if (values.size() != 3) return file.Corrupt("its metadata is not complete");
  return Parameters{.size = LittleEndian<uint64_t>(values[kVirtualDiskSize], 0),
                    .block_size = LittleEndian<uint32_t>(values[kFileParameters], 0),
                    .flags = LittleEndian<uint32_t>(values[kFileParameters], 4),
                    .sector_size = LittleEndian<uint32_t>(values[kLogicalSectorSize], 0)};
}

}  // namespace

absl::StatusOr<DiskFacts> ReadVhdxHeader(const HeaderReader& file) {
  ASSIGN_OR_RETURN(const bool log_is_empty, LogIsEmpty(file));
  ASSIGN_OR_RETURN(const Parameters parameters, ReadParameters(file));
  if ((parameters.flags & kHasParent) != 0) return RefuseParent(file);
  RETURN_IF_ERROR(file.CheckVirtualSize(parameters.size));
  return DiskFacts{
      .format = DiskFormat::kVhdx, .virtual_size = static_cast<int64_t>(parameters.size), .unclean = !log_is_empty};
}

absl::StatusOr<VhdxTable> ReadVhdxTable(const HeaderReader& file) {
  ASSIGN_OR_RETURN(const Parameters parameters, ReadParameters(file));
  ASSIGN_OR_RETURN(const Piece region, FindRegion(file, kTableRegion));
  const uint64_t block_size = parameters.block_size;
  const bool is_power = (block_size & (block_size - 1)) == 0;
  if (!is_power || block_size < (1 << 20) || block_size > (256 << 20) ||
      (parameters.sector_size != 512 && parameters.sector_size != 4096)) {
    return file.Corrupt("the size of its blocks can't be");
  }
  return VhdxTable{.offset = region.offset,
                   .length = region.length,
                   .block_size = block_size,
                   .chunk_ratio = (uint64_t{1} << 23) * parameters.sector_size / block_size};
}

}  // namespace wslm::disk
