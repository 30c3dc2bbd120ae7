#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distros/ext4/content_reader.h"
#include "distros/ext4/ext4.h"
#include "distros/ext4/filesystem.h"
#include "distros/ext4/inode_attributes.h"
#include "distros/ext4/inode_reader.h"
#include "distros/ext4/journal.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

using ext4::DirectoryName;
using ext4::Filesystem;
using ext4::Inode;

constexpr size_t kWarningLimit = 100;
// PATH_MAX less its NUL.
constexpr uint64_t kSymlinkLimit = 4095;

// Blocks of the file system's own: copies of the superblock, descriptors, bitmaps, tables of inodes, the journal.
uint64_t Overhead(const Filesystem& filesystem) {
  const ext2_filsys fs = filesystem.get();
  // It is not known after a change of size, before a kernel has counted.
  if (fs->super->s_overhead_clusters != 0) return fs->super->s_overhead_clusters;
  // The size of the journal's inode.
  const uint64_t journal = uint64_t{fs->super->s_jnl_blocks[15]} << 32 | fs->super->s_jnl_blocks[16];
  uint64_t blocks = fs->super->s_first_data_block + journal / fs->blocksize;
  for (dgrp_t group = 0; group < fs->group_desc_count; ++group) {
    blk_t superblock_and_descriptors = 0;
    ext2fs_super_and_bgd_loc2(fs, group, nullptr, nullptr, nullptr, &superblock_and_descriptors);
    blocks += 2 + fs->inode_blocks_per_group + superblock_and_descriptors;
  }
  return blocks;
}

// Bytes in use beside the file system's own tables: what there is to read.
int64_t ContentBytes(const Filesystem& filesystem) {
  uint64_t free = 0;
  for (dgrp_t group = 0; group < filesystem->group_desc_count; ++group) {
    free += ext2fs_bg_free_blocks_count(filesystem.get(), group);
  }
  const uint64_t idle = free + Overhead(filesystem);
  return idle < filesystem.block_count() ? (filesystem.block_count() - idle) * filesystem.block_size() : 0;
}

class Ext4Source : public Source {
 public:
  explicit Ext4Source(Filesystem filesystem);

  absl::StatusOr<bool> Next(Entry& entry) override;
  absl::StatusOr<std::optional<DataBlock>> Read() override;
  int64_t position() const override { return std::min(position_, total_); }
  int64_t total() const override { return total_; }
  std::vector<std::string> warnings() const override { return warnings_; }

 private:
  // A directory being walked.
  struct Level {
    // How long `path_` is up to and with its name.
    size_t path_length = 0;
    std::vector<DirectoryName> names;
    size_t next = 0;
  };

  // Sets `path_` to the next name's and gives its inode; 0 when all is walked.
  uint32_t NextName();
  // False when the entry is left out.
  absl::StatusOr<bool> Describe(uint32_t number, Entry& entry);
  absl::StatusOr<bool> EnterDirectory(const Inode& inode, const Entry& entry);
  absl::StatusOr<std::string> SymlinkTarget(Inode inode);
  void Warn(std::string warning);

  Filesystem filesystem_;
  ext4::ContentReader content_;
  bool begun_ = false;
  std::string path_;
  std::vector<Level> levels_;
  std::unordered_set<uint32_t> seen_directories_;
  // First names of files with several.
  std::unordered_map<uint32_t, std::string> first_names_;
  int64_t position_ = 0;
  int64_t total_ = 0;
  std::vector<std::string> warnings_;
};

Ext4Source::Ext4Source(Filesystem filesystem)
    : filesystem_(std::move(filesystem)), content_(&filesystem_), total_(ContentBytes(filesystem_)) {
  const uint16_t state = filesystem_->super->s_state;
  if ((state & EXT2_ERROR_FS) != 0 || (state & EXT2_VALID_FS) == 0) {
    Warn("The file system is marked as damaged or not cleanly unmounted; what could be read of it was taken.");
  }
}

absl::StatusOr<bool> Ext4Source::Next(Entry& entry) {
  content_.Close();
  while (true) {
    const uint32_t number = std::exchange(begun_, true) ? NextName() : uint32_t{EXT2_ROOT_INO};
    if (number == 0) {
      position_ = total_;
      return false;
    }
    entry = Entry();
    entry.path = path_;
    absl::StatusOr<bool> described = Describe(number, entry);
    if (!described.ok()) return WithContext(described.status(), absl::StrCat("/", Escaped(path_)));
    if (*described) return true;
  }
}

uint32_t Ext4Source::NextName() {
  while (!levels_.empty() && levels_.back().next == levels_.back().names.size()) levels_.pop_back();
  if (levels_.empty()) return 0;
  Level& level = levels_.back();
  DirectoryName& name = level.names[level.next++];
  path_.resize(level.path_length);
  if (!path_.empty()) path_ += '/';
  path_ += name.name;
  name.name = std::string();
  return name.inode;
}

absl::StatusOr<bool> Ext4Source::Describe(uint32_t number, Entry& entry) {
  if (const auto first = first_names_.find(number); first != first_names_.end()) {
    entry.hard_link_to = first->second;
    return true;
  }
  ASSIGN_OR_RETURN(Inode inode, Inode::Read(filesystem_, number));
  const std::optional<FileType> type = TypeOfMode(inode.fields().i_mode);
  if (!type) return ext4::CorruptImage(filesystem_, absl::StrCat("inode ", number, " has no type"));
  ext4::GetAttributes(inode.fields(), EXT2_INODE_SIZE(filesystem_->super), *type, entry);
  if (inode.has_flag(EXT4_ENCRYPT_FL)) {
    return Error(absl::StatusCode::kUnimplemented, reason::kUnsupportedFormat,
                 "It is encrypted by the file system (fscrypt). Decrypt it first, by copying it inside the distro.");
  }
  if (inode.has_flag(EXT2_IMMUTABLE_FL | EXT2_APPEND_FL)) {
    Warn(absl::StrCat("/", Escaped(path_), " is immutable or append-only (chattr); the copy is not."));
  }
  if (inode.may_have_xattrs(filesystem_)) {
    ASSIGN_OR_RETURN(entry.xattrs, ext4::ReadXattrs(filesystem_, inode));
  }
  if (*type == FileType::kDirectory) return EnterDirectory(inode, entry);
  if (inode.fields().i_links_count > 1) first_names_[number] = path_;
  if (*type == FileType::kRegular) {
    if (inode.size() > INT64_MAX) return ext4::CorruptImage(filesystem_, "a file's size is not possible");
    entry.size = static_cast<int64_t>(inode.size());
    RETURN_IF_ERROR(content_.Open(std::move(inode)));
    ASSIGN_OR_RETURN(entry.extents, content_.Extents());
  } else if (*type == FileType::kSymlink) {
    ASSIGN_OR_RETURN(entry.symlink_target, SymlinkTarget(std::move(inode)));
  }
  return true;
}

absl::StatusOr<bool> Ext4Source::EnterDirectory(const Inode& inode, const Entry& entry) {
  // Two ways to a directory would be a loop or a tree without end.
  if (!seen_directories_.insert(inode.number()).second) {
    return ext4::CorruptImage(filesystem_, "a folder has two names");
  }
  ASSIGN_OR_RETURN(std::vector<DirectoryName> names, ext4::ReadDirectory(filesystem_, inode));
  position_ += static_cast<int64_t>(inode.size());
  const bool is_lost_and_found = entry.path == "lost+found" && entry.uid == 0 && entry.gid == 0 && entry.mode == 0700;
  if (is_lost_and_found && names.empty()) return false;
  levels_.push_back({.path_length = path_.size(), .names = std::move(names)});
  return true;
}

absl::StatusOr<std::string> Ext4Source::SymlinkTarget(Inode inode) {
  const uint64_t size = inode.size();
  if (size == 0 || size > kSymlinkLimit)
    return ext4::CorruptImage(filesystem_, "a symbolic link's size is not possible");
  std::string target;
  if (ext2fs_is_fast_symlink(inode.base()) != 0) {
    target.assign(reinterpret_cast<const char*>(inode.fields().i_block), size);
  } else {
    RETURN_IF_ERROR(content_.Open(std::move(inode)));
    ASSIGN_OR_RETURN(const std::optional<DataBlock> block, content_.Next());
    if (block && block->offset == 0) target = block->bytes;
    content_.Close();
  }
  if (target.size() != size || target.find('\0') != std::string::npos) {
    return ext4::CorruptImage(filesystem_, "a symbolic link's target can't be read");
  }
  return target;
}

absl::StatusOr<std::optional<DataBlock>> Ext4Source::Read() {
  absl::StatusOr<std::optional<DataBlock>> block = content_.Next();
  if (!block.ok()) return WithContext(block.status(), absl::StrCat("/", Escaped(path_)));
  if (*block) position_ += static_cast<int64_t>((*block)->bytes.size());
  return block;
}

void Ext4Source::Warn(std::string warning) {
  if (warnings_.size() < kWarningLimit) warnings_.push_back(std::move(warning));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Source>> OpenExt4Source(const std::string& image, DirtyJournal journal,
                                                       const CancelFlag* cancel) {
  ASSIGN_OR_RETURN(Filesystem filesystem, ext4::OpenWithJournal(image, journal, cancel));
  return std::make_unique<Ext4Source>(std::move(filesystem));
}

}  // namespace wslm
