#include "distros/ext4/inode_attributes.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>

namespace wslm::ext4 {
namespace {

constexpr int64_t kEarliest = -(int64_t{1} << 31);
constexpr int64_t kLatest = kEarliest + (int64_t{1} << 34) - 1;

// 32 signed bits of seconds, and in another word two bits more and the nanoseconds (the kernel's Documentation,
// filesystems/ext4/inodes, "Inode Timestamps").
bool SetTime(Timestamp time, uint32_t& seconds, uint32_t& extra) {
  const int64_t held = std::clamp(time.seconds, kEarliest, kLatest);
  const int64_t beyond = held - static_cast<int32_t>(held);
  seconds = static_cast<uint32_t>(held);
  extra = time.nanoseconds << 2 | static_cast<uint32_t>(beyond >> 32 & 3);
  return held == time.seconds;
}

Timestamp GetTime(uint32_t seconds, uint32_t extra) {
  return {static_cast<int32_t>(seconds) + (int64_t{extra & 3} << 32), std::min<uint32_t>(extra >> 2, 999'999'999)};
}

bool IsDevice(FileType type) { return type == FileType::kCharDevice || type == FileType::kBlockDevice; }

// Numbers below 256 are in the first word as they always were, larger ones in the second.
void SetDevice(uint32_t major, uint32_t minor, ext2_inode_large& inode) {
  if (major < 256 && minor < 256) {
    inode.i_block[0] = major << 8 | minor;
  } else {
    inode.i_block[1] = (minor & 0xff) | major << 8 | (minor & ~0xffU) << 12;
  }
}

void GetDevice(const ext2_inode_large& inode, Entry& entry) {
  if (const uint32_t old = inode.i_block[0]; old != 0) {
    entry.rdev_major = old >> 8 & 0xff;
    entry.rdev_minor = old & 0xff;
  } else {
    const uint32_t device = inode.i_block[1];
    entry.rdev_major = device >> 8 & 0xfff;
    entry.rdev_minor = (device & 0xff) | (device >> 12 & 0xfff00);
  }
}

}  // namespace

uint8_t DirectoryType(FileType type) {
  switch (type) {
    case FileType::kRegular:
      return EXT2_FT_REG_FILE;
    case FileType::kDirectory:
      return EXT2_FT_DIR;
    case FileType::kSymlink:
      return EXT2_FT_SYMLINK;
    case FileType::kCharDevice:
      return EXT2_FT_CHRDEV;
    case FileType::kBlockDevice:
      return EXT2_FT_BLKDEV;
    case FileType::kFifo:
      return EXT2_FT_FIFO;
    case FileType::kSocket:
      return EXT2_FT_SOCK;
  }
  return EXT2_FT_UNKNOWN;
}

bool SetAttributes(const Entry& entry, ext2_inode_large& inode) {
  inode.i_mode = static_cast<uint16_t>(TypeBits(entry.type) | (entry.mode & 07777));
  inode.i_uid = static_cast<uint16_t>(entry.uid);
  inode.osd2.linux2.l_i_uid_high = static_cast<uint16_t>(entry.uid >> 16);
  inode.i_gid = static_cast<uint16_t>(entry.gid);
  inode.osd2.linux2.l_i_gid_high = static_cast<uint16_t>(entry.gid >> 16);
  bool exact = SetTime(entry.mtime, inode.i_mtime, inode.i_mtime_extra);
  exact &= SetTime(entry.atime.value_or(entry.mtime), inode.i_atime, inode.i_atime_extra);
  exact &= SetTime(entry.ctime.value_or(entry.mtime), inode.i_ctime, inode.i_ctime_extra);
  exact &= SetTime(entry.birth.value_or(entry.mtime), inode.i_crtime, inode.i_crtime_extra);
  if (IsDevice(entry.type)) SetDevice(entry.rdev_major, entry.rdev_minor, inode);
  return exact;
}

void GetAttributes(const ext2_inode_large& inode, uint32_t record_size, FileType type, Entry& entry) {
  entry.type = type;
  entry.mode = inode.i_mode & 07777;
  entry.uid = inode.i_uid | uint32_t{inode.osd2.linux2.l_i_uid_high} << 16;
  entry.gid = inode.i_gid | uint32_t{inode.osd2.linux2.l_i_gid_high} << 16;
  const bool large = record_size > EXT2_GOOD_OLD_INODE_SIZE;
  const size_t end = EXT2_GOOD_OLD_INODE_SIZE + (large ? inode.i_extra_isize : 0);
  const auto holds = [end](size_t field) { return field + sizeof(uint32_t) <= end; };
  const auto extra = [&](size_t field, uint32_t value) { return holds(field) ? value : 0; };
  entry.mtime = GetTime(inode.i_mtime, extra(offsetof(ext2_inode_large, i_mtime_extra), inode.i_mtime_extra));
  entry.atime = GetTime(inode.i_atime, extra(offsetof(ext2_inode_large, i_atime_extra), inode.i_atime_extra));
  entry.ctime = GetTime(inode.i_ctime, extra(offsetof(ext2_inode_large, i_ctime_extra), inode.i_ctime_extra));
  if (holds(offsetof(ext2_inode_large, i_crtime_extra))) entry.birth = GetTime(inode.i_crtime, inode.i_crtime_extra);
  if (IsDevice(type)) GetDevice(inode, entry);
}

bool IsLinuxDevice(const Entry& entry) { return entry.rdev_major < (1U << 12) && entry.rdev_minor < (1U << 20); }

}  // namespace wslm::ext4
