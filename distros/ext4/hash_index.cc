#include "distros/ext4/hash_index.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/ext4/format.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::ext4 {
namespace {

// An index block begins with what a reader without an index takes for entries: "." and ".." in the root, one unused
// entry in the others. Behind them are the count and the entries of the index.
constexpr uint32_t kRootEntries = 32;
constexpr uint32_t kRootInfo = 24;
constexpr uint32_t kNodeEntries = 8;
constexpr uint32_t kRootLimit = (kBlockSize - kRootEntries - sizeof(ext2_dx_tail)) / sizeof(ext2_dx_entry);
constexpr uint32_t kNodeLimit = (kBlockSize - kNodeEntries - sizeof(ext2_dx_tail)) / sizeof(ext2_dx_entry);

// Blocks aren't filled to the brim, so that the first name added does not split one.
constexpr uint32_t kLeafFill = 3500;
constexpr uint32_t kNodeFill = 448;

struct HashedEntry {
  uint32_t hash = 0;
  uint32_t minor = 0;
  DirectoryEntry entry;
};

absl::StatusOr<std::vector<HashedEntry>> Hashed(const Filesystem& filesystem,
                                                const std::vector<DirectoryEntry>& entries) {
  const ext2_super_block& super = *filesystem->super;
  // Whether the bytes of names count as signed differs between architectures; the superblock tells.
  const bool is_unsigned = (super.s_flags & EXT2_FLAGS_UNSIGNED_HASH) != 0;
  const int version = super.s_def_hash_version + (is_unsigned ? 3 : 0);
  std::vector<HashedEntry> hashed;
  hashed.reserve(entries.size());
  for (const DirectoryEntry& entry : entries) {
    HashedEntry item{.entry = entry};
    const errcode_t error = ext2fs_dirhash(version, entry.name.data(), static_cast<int>(entry.name.size()),
                                           super.s_hash_seed, &item.hash, &item.minor);
    if (error != 0) return LibraryError(error, "cannot make a directory in", filesystem.image());
    hashed.push_back(item);
  }
  std::sort(hashed.begin(), hashed.end(), [](const HashedEntry& a, const HashedEntry& b) {
    return std::pair(a.hash, a.minor) < std::pair(b.hash, b.minor);
  });
  return hashed;
}

// Appends blocks of names to `bytes`. Returns the lowest hash of each, the lowest bit set where the block before ends
// with the same hash.
std::vector<uint32_t> AppendLeaves(const Filesystem& filesystem, uint32_t directory,
                                   const std::vector<HashedEntry>& entries, std::string& bytes) {
  std::vector<uint32_t> hashes;
  size_t i = 0;
  while (i < entries.size()) {
    const bool continues = i > 0 && entries[i].hash == entries[i - 1].hash;
    hashes.push_back(entries[i].hash | (continues ? 1 : 0));
    bytes.append(kBlockSize, '\0');
    DirectoryBlock block(bytes.data() + bytes.size() - kBlockSize);
    while (i < entries.size()) {
      const bool same = i > 0 && entries[i].hash == entries[i - 1].hash;
      if (block.used() > kLeafFill && !same) break;
      if (!block.Add(entries[i].entry)) break;
      ++i;
    }
    block.Finish(filesystem, directory);
  }
  return hashes;
}

// Fills in the index of `block`, which begins at `start`: `hashes[k]` leads to the logical block `first_child + k`.
void FillIndex(const Filesystem& filesystem, uint32_t directory, char* block, uint32_t start, uint32_t limit,
               const uint32_t* hashes, uint32_t count, uint32_t first_child) {
  for (uint32_t k = 0; k < count; ++k) {
    const ext2_dx_entry entry = {hashes[k], first_child + k};
    std::memcpy(block + start + k * sizeof entry, &entry, sizeof entry);
  }
  // The first entry is for all hashes below the second's; in the place of its own stand limit and count.
  const ext2_dx_countlimit numbers = {static_cast<uint16_t>(limit), static_cast<uint16_t>(count)};
  std::memcpy(block + start, &numbers, sizeof numbers);
  // The checksum covers the entries in use and its own place with zeros in it, not what lies between.
  ext2_dx_tail tail{};
  const uint32_t used = filesystem.Checksum(directory, {block, start + count * sizeof(ext2_dx_entry)});
  tail.dt_checksum = ContinueChecksum(used, {reinterpret_cast<const char*>(&tail), sizeof tail});
  std::memcpy(block + start + limit * sizeof(ext2_dx_entry), &tail, sizeof tail);
}

void AddFakeEntry(char* block, uint32_t offset, uint32_t size, const DirectoryEntry& entry) {
  auto* place = reinterpret_cast<ext2_dir_entry_2*>(block + offset);
  place->inode = entry.inode;
  place->rec_len = static_cast<uint16_t>(size);
  place->name_len = static_cast<uint8_t>(entry.name.size());
  place->file_type = entry.type;
  std::copy(entry.name.begin(), entry.name.end(), place->name);
}

void StartRoot(const Filesystem& filesystem, uint32_t directory, uint32_t parent, uint8_t levels, char* block) {
  AddFakeEntry(block, 0, 12, {".", directory, EXT2_FT_DIR});
  AddFakeEntry(block, 12, kBlockSize - 12, {"..", parent, EXT2_FT_DIR});
  ext2_dx_root_info info{};
  info.hash_version = filesystem->super->s_def_hash_version;
  info.info_length = sizeof info;
  info.indirect_levels = levels;
  std::memcpy(block + kRootInfo, &info, sizeof info);
}

}  // namespace

absl::StatusOr<DirectoryContent> BuildIndexedDirectory(const Filesystem& filesystem, uint32_t directory,
                                                       uint32_t parent, std::vector<DirectoryEntry> entries) {
  ASSIGN_OR_RETURN(std::vector<HashedEntry> hashed, Hashed(filesystem, entries));
  entries = {};
  std::string leaves;
  const std::vector<uint32_t> hashes = AppendLeaves(filesystem, directory, hashed, leaves);
  hashed = {};
  const uint32_t leaf_count = static_cast<uint32_t>(hashes.size());

  // The root, then the nodes of the level below if there is one, then the leaves.
  const bool two_levels = leaf_count > kRootLimit;
  const uint32_t node_fill = leaf_count > kRootLimit * kNodeFill ? kNodeLimit : kNodeFill;
  const uint32_t node_count = two_levels ? (leaf_count + node_fill - 1) / node_fill : 0;
  if (node_count > kRootLimit) {
    return Error(absl::StatusCode::kResourceExhausted, reason::kDiskFull,
                 "A folder has more names than one folder of an ext4 file system holds.");
  }
  DirectoryContent content{.indexed = true};
  content.bytes.assign(size_t{1 + node_count} * kBlockSize, '\0');
  char* root = content.bytes.data();
  StartRoot(filesystem, directory, parent, two_levels ? 1 : 0, root);
  if (!two_levels) {
    FillIndex(filesystem, directory, root, kRootEntries, kRootLimit, hashes.data(), leaf_count, 1);
  } else {
    std::vector<uint32_t> node_hashes;
    for (uint32_t i = 0; i < node_count; ++i) {
      const uint32_t first = i * node_fill;
      char* node = root + size_t{1 + i} * kBlockSize;
      AddFakeEntry(node, 0, kBlockSize, {});
      FillIndex(filesystem, directory, node, kNodeEntries, kNodeLimit, &hashes[first],
                std::min(node_fill, leaf_count - first), 1 + node_count + first);
      node_hashes.push_back(hashes[first]);
    }
    FillIndex(filesystem, directory, root, kRootEntries, kRootLimit, node_hashes.data(), node_count, 1);
  }
  content.bytes += leaves;
  return content;
}

}  // namespace wslm::ext4
