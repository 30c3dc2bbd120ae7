#include "distros/disk/disk_layout.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "distros/disk/partition_table.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"

namespace wslm::disk {
namespace {

using std::string_view_literals::operator""sv;

constexpr char kPack[] =
    "Mount it where it can be and pack its files as root: 'tar --xattrs --acls --numeric-owner -c'.";

// Fields of ext4's superblock, which begins at 1024 (the kernel's Documentation, filesystems/ext4/super).
constexpr size_t kSuperblock = 1024;
constexpr size_t kSuperblockEnd = 2048;

struct Known {
  size_t offset;
  std::string_view magic;
  const char* id;
  const char* name;
};
constexpr Known kKnown[] = {
    {0, "XFSB"sv, "xfs", "XFS"},
    {65600, "_BHRfS_M"sv, "btrfs", "btrfs"},
    {0, "LUKS\xBA\xBE"sv, "luks", "encrypted (LUKS)"},
    {512, "LABELONE"sv, "lvm", "LVM"},
    {4086, "SWAPSPACE2"sv, "swap", "swap"},
    {3, "NTFS    "sv, "ntfs", "NTFS"},
    {3, "EXFAT   "sv, "exfat", "exFAT"},
    {3, "-FVE-FS-"sv, "bitlocker", "encrypted (BitLocker)"},
    {82, "FAT32   "sv, "fat", "FAT"},
    {54, "FAT16   "sv, "fat", "FAT"},
    {54, "FAT12   "sv, "fat", "FAT"},
    {0, "hsqs"sv, "squashfs", "squashfs"},
    {1024, "\xE2\xE1\xF5\xE0"sv, "erofs", "EROFS"},
    {1024, "\x10\x20\xF5\xF2"sv, "f2fs", "F2FS"},
    {32769, "CD001"sv, "iso9660", "an ISO 9660 file system (a CD's)"},
};

const Known* FindKnown(std::string_view head) {
  for (const Known& known : kKnown) {
    if (HasAt(head, known.offset, known.magic)) return &known;
  }
  return nullptr;
}

// What the superblock in `head` says, when there is one of the ext family's.
std::optional<Ext4Place> Ext4In(std::string_view head) {
  if (head.size() < kSuperblockEnd) return std::nullopt;
  const std::string_view super = head.substr(kSuperblock);
  if (LittleEndian<uint16_t>(super, 56) != 0xEF53) return std::nullopt;
  constexpr uint16_t kValid = 1;
  constexpr uint16_t kErrors = 2;
  constexpr uint32_t kNeedsRecovery = 4;
  const auto state = LittleEndian<uint16_t>(super, 58);
  Ext4Place place;
  place.needs_replay = (LittleEndian<uint32_t>(super, 96) & kNeedsRecovery) != 0;
  place.needs_check = place.needs_replay || (state & kValid) == 0 || (state & kErrors) != 0;
  return place;
}

enum class Kind { kExt4, kGpt, kMbr, kOther };

Kind KindOf(std::string_view head) {
  if (GptSectorSize(head) == 512) return Kind::kGpt;
  if (Ext4In(head)) return Kind::kExt4;
  if (GptSectorSize(head) != 0) return Kind::kGpt;
  // Boot sectors of other file systems end as the table does.
  return FindKnown(head) == nullptr && HasMbr(head) ? Kind::kMbr : Kind::kOther;
}

absl::Status RefuseContent(const HeaderReader& disk, std::string_view head) {
  if (const Known* known = FindKnown(head); known != nullptr) {
    return disk.Unsupported(known->id, absl::StrCat("holds ", known->name, ", no ext4 file system"), kPack);
  }
  if (head.find_first_not_of('\0') == std::string_view::npos) {
    return disk.Unsupported("blank", "has neither a file system nor partitions at its beginning",
                            "Name an image with an ext4 file system.");
  }
  return disk.Unsupported("unknown", "holds no file system that is known",
                          "Name an image with an ext4 file system; 'wslm import' takes archives, too.");
}

std::string Described(const Partition& partition, std::string_view content) {
  return absl::StrCat(partition.number, " (", partition.name.empty() ? "" : absl::StrCat("\"", partition.name, "\", "),
                      std::string(content), ", ", HumanSize(partition.length), ")");
}

absl::StatusOr<Ext4Place> FindInPartitions(const HeaderReader& disk, const std::vector<Partition>& partitions) {
  std::optional<Ext4Place> found;
  std::vector<std::string> with_ext4;
  std::vector<std::string> others;
  for (const Partition& partition : partitions) {
    ASSIGN_OR_RETURN(const std::string head, disk.ReadUpTo(static_cast<uint64_t>(partition.offset), kDiskHead));
    if (std::optional<Ext4Place> place = Ext4In(head)) {
      place->offset = partition.offset;
      place->length = partition.length;
      place->in_partition = true;
      found = place;
      with_ext4.push_back(Described(partition, "ext4"));
    } else {
      const Known* known = FindKnown(head);
      others.push_back(Described(partition, known == nullptr ? "unknown" : known->name));
    }
  }
  if (with_ext4.size() == 1) return *found;
  if (with_ext4.empty()) {
    return disk.Unsupported(
        "disk",
        absl::StrCat("is a whole disk ",
                     others.empty() ? "without partitions"
                                    : absl::StrCat("of which no partition holds ext4: ", absl::StrJoin(others, ", "))),
        kPack);
  }
  return disk.Unsupported("disk",
                          absl::StrCat("is a whole disk with more than one ext4 file system, in the partitions ",
                                       absl::StrJoin(with_ext4, ", ")),
                          "Copy the one that holds the distro into a file of its own ('dd' from the partition of a "
                          "loop device), and take that.");
}

}  // namespace

absl::Status CheckDiskHead(const HeaderReader& disk) {
  ASSIGN_OR_RETURN(const std::string head, disk.ReadUpTo(0, kDiskHead));
  return KindOf(head) == Kind::kOther ? RefuseContent(disk, head) : absl::OkStatus();
}

absl::StatusOr<Ext4Place> FindExt4(const HeaderReader& disk) {
  ASSIGN_OR_RETURN(const std::string head, disk.ReadUpTo(0, kDiskHead));
  std::vector<Partition> partitions;
  switch (KindOf(head)) {
    case Kind::kExt4: {
      Ext4Place place = *Ext4In(head);
      place.length = disk.file_size();
      return place;
    }
    case Kind::kGpt: {
      ASSIGN_OR_RETURN(partitions, ReadGpt(disk, GptSectorSize(head)));
      break;
    }
    case Kind::kMbr: {
      ASSIGN_OR_RETURN(partitions, ReadMbr(disk));
      break;
    }
    case Kind::kOther:
      return RefuseContent(disk, head);
  }
  return FindInPartitions(disk, partitions);
}

}  // namespace wslm::disk
