#include "distros/disk/vhd_header.h"

#include <string>

#include "distros/host/status_macros.h"

namespace wslm::disk {
namespace {

constexpr uint32_t kFixed = 2;
constexpr uint32_t kDynamic = 3;
constexpr uint32_t kDifferencing = 4;

constexpr size_t kFooterChecksum = 64;
constexpr size_t kDynamicHeaderSize = 1024;
constexpr size_t kDynamicChecksum = 36;
constexpr size_t kParentId = 40;
constexpr size_t kParentIdSize = 16;
constexpr size_t kParentLocators = 576;
constexpr size_t kParentLocatorsEnd = 768;

// The one's complement of the sum of all bytes but its own.
bool ChecksumIsRight(std::string_view bytes, size_t at) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i < at || i >= at + 4) sum += static_cast<unsigned char>(bytes[i]);
  }
  return ~sum == BigEndian<uint32_t>(bytes, at);
}

uint32_t TypeOf(std::string_view footer) { return BigEndian<uint32_t>(footer, 60); }
uint64_t SizeOf(std::string_view footer) { return BigEndian<uint64_t>(footer, 48); }

bool AllZero(std::string_view bytes) { return bytes.find_first_not_of('\0') == std::string_view::npos; }

absl::Status RefuseDifferencing(const HeaderReader& file) {
  return file.Unsupported("vhd-differencing", "is a VHD that is built on another one (a differencing disk)",
                          "Merge it with its parent, where both are (on Windows: Convert-VHD or Merge-VHD).");
}

}  // namespace

absl::StatusOr<DiskFacts> ReadVhdHeader(const HeaderReader& file) {
  ASSIGN_OR_RETURN(const std::string footer, file.Read(0, kVhdFooterSize));
  if (TypeOf(footer) == kDifferencing) return RefuseDifferencing(file);
  if (TypeOf(footer) != kDynamic) return file.Corrupt("it is a VHD of a kind that does not exist");
  if (!ChecksumIsRight(footer, kFooterChecksum)) return file.Corrupt("the checksum of its header is wrong");
  RETURN_IF_ERROR(file.CheckVirtualSize(SizeOf(footer)));
  ASSIGN_OR_RETURN(const std::string header, file.Read(BigEndian<uint64_t>(footer, 16), kDynamicHeaderSize));
  if (!header.starts_with("cxsparse")) return file.Corrupt("its second header is missing");
  if (!ChecksumIsRight(header, kDynamicChecksum)) return file.Corrupt("the checksum of its second header is wrong");
  const std::string_view view = header;
  if (!AllZero(view.substr(kParentId, kParentIdSize)) ||
      !AllZero(view.substr(kParentLocators, kParentLocatorsEnd - kParentLocators))) {
    return RefuseDifferencing(file);
  }
  return DiskFacts{.format = DiskFormat::kVhd, .virtual_size = static_cast<int64_t>(SizeOf(footer))};
}

absl::StatusOr<VhdTable> ReadVhdTable(const HeaderReader& file) {
  ASSIGN_OR_RETURN(const std::string footer, file.Read(0, kVhdFooterSize));
  ASSIGN_OR_RETURN(const std::string header, file.Read(BigEndian<uint64_t>(footer, 16), kDynamicHeaderSize));
  const uint64_t block_size = BigEndian<uint32_t>(header, 32);
  if (block_size < 4096 || (block_size & (block_size - 1)) != 0) return file.Corrupt("the size of its blocks can't be");
  constexpr uint64_t kSectorsInMapSector = uint64_t{512} * 8;
  const uint64_t sectors = block_size / 512;
  return VhdTable{.offset = BigEndian<uint64_t>(header, 16),
                  .entries = BigEndian<uint32_t>(header, 28),
                  .block_size = block_size,
                  .map_size = (sectors + kSectorsInMapSector - 1) / kSectorsInMapSector * 512};
}

absl::StatusOr<std::optional<DiskFacts>> ReadVhdFooter(const HeaderReader& file) {
  if (file.file_size() <= kVhdFooterSize) return std::nullopt;
  const int64_t content = file.file_size() - kVhdFooterSize;
  ASSIGN_OR_RETURN(const std::string footer, file.Read(static_cast<uint64_t>(content), kVhdFooterSize));
  if (!footer.starts_with(kVhdCookie) || TypeOf(footer) != kFixed || !ChecksumIsRight(footer, kFooterChecksum) ||
      SizeOf(footer) != static_cast<uint64_t>(content)) {
    return std::nullopt;
  }
  return DiskFacts{.format = DiskFormat::kVhdFixed, .virtual_size = content};
}

}  // namespace wslm::disk
