#include "distros/ext4/directory_blocks.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "distros/ext4/format.h"
#include "distros/ext4/hash_index.h"

namespace wslm::ext4 {
namespace {

// Inode, length of the entry, length of the name, type.
constexpr uint32_t kEntryHeader = offsetof(ext2_dir_entry_2, name);

DirectoryContent BuildList(const Filesystem& filesystem, uint32_t directory, uint32_t parent,
                           const std::vector<DirectoryEntry>& entries, uint32_t minimum_blocks) {
  DirectoryContent content;
  content.bytes.assign(size_t{minimum_blocks} * kBlockSize, '\0');
  DirectoryBlock first(content.bytes.data());
  first.Add({".", directory, EXT2_FT_DIR});
  first.Add({"..", parent, EXT2_FT_DIR});
  for (const DirectoryEntry& entry : entries) first.Add(entry);
  first.Finish(filesystem, directory);
  for (uint32_t i = 1; i < minimum_blocks; ++i) {
    DirectoryBlock(content.bytes.data() + size_t{i} * kBlockSize).Finish(filesystem, directory);
  }
  return content;
}

}  // namespace

uint32_t DirectoryBlock::SizeOf(std::string_view name) { return (kEntryHeader + name.size() + 3) / 4 * 4; }

uint32_t DirectoryBlock::Capacity() { return kBlockSize - sizeof(ext2_dir_entry_tail); }

bool DirectoryBlock::Add(const DirectoryEntry& entry) {
  const uint32_t size = SizeOf(entry.name);
  if (used_ + size > Capacity()) return false;
  auto* place = reinterpret_cast<ext2_dir_entry_2*>(block_ + used_);
  place->inode = entry.inode;
  place->rec_len = static_cast<uint16_t>(size);
  place->name_len = static_cast<uint8_t>(entry.name.size());
  place->file_type = entry.type;
  std::memcpy(block_ + used_ + kEntryHeader, entry.name.data(), entry.name.size());
  last_ = used_;
  used_ += size;
  return true;
}

void DirectoryBlock::Finish(const Filesystem& filesystem, uint32_t directory) {
  // In an empty block this is an entry of inode 0, which is no entry.
  auto* last = reinterpret_cast<ext2_dir_entry_2*>(block_ + last_);
  last->rec_len = static_cast<uint16_t>(Capacity() - last_);
  ext2_dir_entry_tail tail{};
  tail.det_rec_len = sizeof tail;
  tail.det_reserved_name_len = EXT2_DIR_NAME_LEN_CSUM;
  tail.det_checksum = filesystem.Checksum(directory, {block_, Capacity()});
  std::memcpy(block_ + Capacity(), &tail, sizeof tail);
}

absl::StatusOr<DirectoryContent> BuildDirectory(const Filesystem& filesystem, uint32_t directory, uint32_t parent,
                                                std::vector<DirectoryEntry> entries, uint32_t minimum_blocks) {
  uint64_t size = DirectoryBlock::SizeOf(".") + DirectoryBlock::SizeOf("..");
  for (const DirectoryEntry& entry : entries) size += DirectoryBlock::SizeOf(entry.name);
  if (size > DirectoryBlock::Capacity())
    return BuildIndexedDirectory(filesystem, directory, parent, std::move(entries));
  // By inode, so that who walks the directory reads the inode table and the content forwards.
  std::sort(entries.begin(), entries.end(),
            [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.inode < b.inode; });
  return BuildList(filesystem, directory, parent, entries, std::max(minimum_blocks, 1U));
}

}  // namespace wslm::ext4
