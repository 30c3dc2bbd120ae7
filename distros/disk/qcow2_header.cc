#include "distros/disk/qcow2_header.h"

#include <string>

#include "distros/host/status_macros.h"

namespace wslm::disk {
namespace {

constexpr size_t kVersion2Size = 72;
constexpr size_t kVersion3Size = 104;

constexpr uint64_t kDirty = 1 << 0;
constexpr uint64_t kMarkedCorrupt = 1 << 1;
constexpr uint64_t kExternalData = 1 << 2;
constexpr uint64_t kCompressionType = 1 << 3;
constexpr uint64_t kExtendedL2 = 1 << 4;

constexpr uint32_t kExtensionEnd = 0;
constexpr uint32_t kExtensionDataFile = 0x44415441;
constexpr uint32_t kExtensionEncryption = 0x0537be77;

constexpr char kMakeWhole[] =
    "Make an image that stands for itself: 'qemu-img convert -O qcow2 IMAGE WHOLE.qcow2', where it was made.";

absl::Status RefuseDataFile(const HeaderReader& file) {
  return file.Unsupported("qcow2-data-file", "is a qcow2 image whose content lies in another file", kMakeWhole);
}

absl::Status RefuseEncrypted(const HeaderReader& file) {
  return file.Unsupported("qcow2-encrypted", "is an encrypted qcow2 image",
                          "Decrypt it with 'qemu-img convert', where its key is.");
}

absl::Status CheckFeatures(const HeaderReader& file, uint64_t features) {
  if ((features & kExternalData) != 0) return RefuseDataFile(file);
  if ((features & kMarkedCorrupt) != 0)
    return file.Corrupt("QEMU has marked it as damaged ('qemu-img check' says more)");
  if ((features & ~(kDirty | kMarkedCorrupt | kExternalData | kCompressionType | kExtendedL2)) != 0) {
    return file.Unsupported("qcow2", "is a qcow2 image with features that are not known",
                            "Make one with 'qemu-img convert -O qcow2 -o compat=1.1'.");
  }
  return absl::OkStatus();
}

// What follows the header, up to the end of the first cluster.
absl::Status CheckExtensions(const HeaderReader& file, uint64_t begin, uint64_t cluster_size) {
  ASSIGN_OR_RETURN(const std::string cluster, file.ReadUpTo(0, cluster_size));
  for (uint64_t at = begin; at + 8 <= cluster.size();) {
    const auto type = BigEndian<uint32_t>(cluster, at);
    const auto length = BigEndian<uint32_t>(cluster, at + 4);
    if (type == kExtensionEnd) return absl::OkStatus();
    if (type == kExtensionDataFile) return RefuseDataFile(file);
    if (type == kExtensionEncryption) return RefuseEncrypted(file);
    if (length > cluster.size() - at - 8) return file.Corrupt("its header goes beyond its first cluster");
    at += 8 + (uint64_t{length} + 7) / 8 * 8;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DiskFacts> ReadQcow2Header(const HeaderReader& file) {
  ASSIGN_OR_RETURN(std::string header, file.Read(0, kVersion2Size));
  const auto version = BigEndian<uint32_t>(header, 4);
  if (version == 1) {
    return file.Unsupported("qcow", "is a qcow image of version 1",
                            "Convert it first: 'qemu-img convert -f qcow -O qcow2 IMAGE NEW.qcow2'.");
  }
  if (version != 2 && version != 3) {
    return file.Unsupported("qcow2", "is a qcow image of a version that is not known",
                            "Make one with 'qemu-img convert -O qcow2'.");
  }
  if (BigEndian<uint64_t>(header, 8) != 0 || BigEndian<uint32_t>(header, 16) != 0) {
    return file.Unsupported("qcow2-backing-file", "is a qcow2 image that is built on another file (a backing file)",
                            kMakeWhole);
  }
  const auto cluster_bits = BigEndian<uint32_t>(header, 20);
  if (cluster_bits < 9 || cluster_bits > 21) return file.Corrupt("the size of its clusters can't be");
  const uint64_t cluster_size = uint64_t{1} << cluster_bits;
  DiskFacts facts{.format = DiskFormat::kQcow2};
  const auto size = BigEndian<uint64_t>(header, 24);
  RETURN_IF_ERROR(file.CheckVirtualSize(size));
  facts.virtual_size = static_cast<int64_t>(size);
  if (BigEndian<uint32_t>(header, 32) != 0) return RefuseEncrypted(file);
  uint64_t header_size = kVersion2Size;
  if (version == 3) {
    ASSIGN_OR_RETURN(header, file.Read(0, kVersion3Size));
    const auto features = BigEndian<uint64_t>(header, 72);
    RETURN_IF_ERROR(CheckFeatures(file, features));
    facts.unclean = (features & kDirty) != 0;
    header_size = BigEndian<uint32_t>(header, 100);
    if (header_size < kVersion3Size || header_size % 8 != 0 || header_size > cluster_size) {
      return file.Corrupt("the size of its header can't be");
    }
  }
  RETURN_IF_ERROR(CheckExtensions(file, header_size, cluster_size));
  return facts;
}

}  // namespace wslm::disk
