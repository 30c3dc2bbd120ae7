#include "distros/ext4/extent_tree.h"

#include <ext2fs/ext3_extents.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "distros/host/status_macros.h"

namespace wslm::ext4 {
namespace {

// A node's entries, of leaves and of the levels above alike, are 12 bytes as their header is.
using Node = std::array<char, kBlockSize>;
constexpr uint32_t kInRecord = 4;
constexpr uint32_t kInBlock =
    (kBlockSize - sizeof(ext3_extent_header) - sizeof(ext3_extent_tail)) / sizeof(ext3_extent);
static_assert(sizeof(ext3_extent_idx) == sizeof(ext3_extent));

// A block of the tree, seen from the level above it.
struct Link {
  uint32_t logical = 0;
  uint64_t block = 0;
};

ext3_extent Encoded(const Extent& extent) {
  ext3_extent entry{};
  entry.ee_block = extent.logical;
  entry.ee_len = static_cast<uint16_t>(extent.count);
  entry.ee_start = static_cast<uint32_t>(extent.physical);
  entry.ee_start_hi = static_cast<uint16_t>(extent.physical >> 32);
  return entry;
}

ext3_extent_idx Encoded(const Link& link) {
  ext3_extent_idx entry{};
  entry.ei_block = link.logical;
  entry.ei_leaf = static_cast<uint32_t>(link.block);
  entry.ei_leaf_hi = static_cast<uint16_t>(link.block >> 32);
  return entry;
}

template <typename Item>
void FillNode(char* node, const Item* items, size_t count, uint32_t capacity, uint16_t depth) {
  ext3_extent_header header{};
  header.eh_magic = EXT3_EXT_MAGIC;
  header.eh_entries = static_cast<uint16_t>(count);
  header.eh_max = static_cast<uint16_t>(capacity);
  header.eh_depth = depth;
  std::memcpy(node, &header, sizeof header);
  for (size_t i = 0; i < count; ++i) {
    const auto entry = Encoded(items[i]);
    std::memcpy(node + sizeof header + i * sizeof entry, &entry, sizeof entry);
  }
}

// Writes one level of the tree in blocks and returns the links to them.
template <typename Item>
absl::StatusOr<std::vector<Link>> WriteLevel(Volume& volume, uint32_t inode, const std::vector<Item>& items,
                                             uint16_t depth) {
  std::vector<Link> links;
  for (size_t i = 0; i < items.size(); i += kInBlock) {
    ASSIGN_OR_RETURN(const BlockRun run, volume.allocator().Allocate(1));
    Node node{};
    FillNode(node.data(), &items[i], std::min<size_t>(kInBlock, items.size() - i), kInBlock, depth);
    const size_t covered = sizeof(ext3_extent_header) + kInBlock * sizeof(ext3_extent);
    const ext3_extent_tail tail = {volume.filesystem().Checksum(inode, {node.data(), covered})};
    std::memcpy(node.data() + covered, &tail, sizeof tail);
    RETURN_IF_ERROR(volume.WriteBlock(run.first, {node.data(), node.size()}));
    links.push_back({items[i].logical, run.first});
  }
  return links;
}

struct FreeHandle {
  void operator()(ext2_extent_handle_t handle) const { ext2fs_extent_free(handle); }
};

// All runs of blocks of a file, those of the tree included.
absl::StatusOr<std::vector<BlockRun>> AllRuns(Volume& volume, uint32_t inode, InodeRecord& record) {
  const std::string& image = volume.filesystem().image();
  ext2_extent_handle_t opened = nullptr;
  errcode_t error = ext2fs_extent_open2(volume.filesystem().get(), inode, record.base(), &opened);
  if (error != 0) return LibraryError(error, "cannot read the extents of a file in", image);
  const std::unique_ptr<std::remove_pointer_t<ext2_extent_handle_t>, FreeHandle> handle(opened);
  std::vector<BlockRun> runs;
  ext2fs_extent extent;
  int step = EXT2_EXTENT_ROOT;
  while ((error = ext2fs_extent_get(handle.get(), step, &extent)) == 0) {
    step = EXT2_EXTENT_NEXT;
    if ((extent.e_flags & EXT2_EXTENT_FLAGS_SECOND_VISIT) != 0) continue;
    const bool leaf = (extent.e_flags & EXT2_EXTENT_FLAGS_LEAF) != 0;
    runs.push_back({extent.e_pblk, leaf ? extent.e_len : 1});
  }
  if (error != EXT2_ET_EXTENT_NO_NEXT) return LibraryError(error, "cannot read the extents of a file in", image);
  return runs;
}

}  // namespace

void AppendExtent(std::vector<Extent>& extents, const Extent& extent) {
  if (!extents.empty()) {
    Extent& last = extents.back();
    if (last.logical + last.count == extent.logical && last.physical + last.count == extent.physical &&
        last.count + extent.count <= kExtentLimit) {
      last.count += extent.count;
      return;
    }
  }
  extents.push_back(extent);
}

absl::Status StoreExtents(Volume& volume, uint32_t inode, const std::vector<Extent>& extents, InodeRecord& record) {
  record.fields.i_flags |= EXT4_EXTENTS_FL;
  char* root = reinterpret_cast<char*>(record.fields.i_block);
  for (const Extent& extent : extents) record.AddBlocks(extent.count);
  if (extents.size() <= kInRecord) {
    FillNode(root, extents.data(), extents.size(), kInRecord, 0);
    return absl::OkStatus();
  }
  uint16_t depth = 0;
  ASSIGN_OR_RETURN(std::vector<Link> links, WriteLevel(volume, inode, extents, depth++));
  record.AddBlocks(links.size());
  while (links.size() > kInRecord) {
    ASSIGN_OR_RETURN(links, WriteLevel(volume, inode, links, depth++));
    record.AddBlocks(links.size());
  }
  FillNode(root, links.data(), links.size(), kInRecord, depth);
  return absl::OkStatus();
}

absl::Status FreeExtents(Volume& volume, uint32_t inode, InodeRecord& record) {
  if ((record.fields.i_flags & EXT4_EXTENTS_FL) == 0) return absl::OkStatus();
  // The tree's blocks may still be in the buffer.
  RETURN_IF_ERROR(volume.writer().Flush());
  ASSIGN_OR_RETURN(const std::vector<BlockRun> runs, AllRuns(volume, inode, record));
  for (const BlockRun& run : runs) {
    RETURN_IF_ERROR(volume.FreeBlocks(run));
    record.AddBlocks(-int64_t{run.count});
  }
  record.fields.i_flags &= ~EXT4_EXTENTS_FL;
  std::memset(record.fields.i_block, 0, sizeof record.fields.i_block);
  return absl::OkStatus();
}

}  // namespace wslm::ext4
