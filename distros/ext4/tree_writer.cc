#include "distros/ext4/tree_writer.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "distros/ext4/directory_blocks.h"
#include "distros/ext4/extent_tree.h"
#include "distros/ext4/file_writer.h"
#include "distros/ext4/inode_attributes.h"
#include "distros/ext4/xattr_writer.h"
#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/status_macros.h"

namespace wslm::ext4 {
namespace {

constexpr std::string_view kLostAndFound = "lost+found";
// What e2fsck needs to save files without making a directory larger.
constexpr uint32_t kLostAndFoundBlocks = 4;
constexpr uint32_t kLinkLimit = EXT2_LINK_MAX;
constexpr size_t kLossLimit = 100;
// Longer targets lie in a block.
constexpr size_t kFastSymlinkLimit = sizeof(ext2_inode_large::i_block);

absl::Status BadEntry(std::string_view path, const std::string& why) {
  return Error(absl::StatusCode::kInvalidArgument, reason::kCorruptSource,
               absl::StrCat("The entry ", Escaped(path), " can't be made: ", why, "."));
}

absl::Status CheckFits(const Entry& entry) {
  switch (entry.type) {
    case FileType::kSymlink:
      if (entry.symlink_target.empty()) return BadEntry(entry.path, "it is a symbolic link to nothing");
      if (entry.symlink_target.size() >= kBlockSize) return BadEntry(entry.path, "its target has over 4095 bytes");
      if (entry.symlink_target.find('\0') != std::string::npos)
        return BadEntry(entry.path, "its target has a NUL byte");
      return absl::OkStatus();
    case FileType::kCharDevice:
    case FileType::kBlockDevice:
      return IsLinuxDevice(entry) ? absl::OkStatus() : BadEntry(entry.path, "Linux has no such device number");
    case FileType::kRegular: {
      // Logical blocks have 32 bits, and the last number is not used.
      constexpr int64_t kLargest = int64_t{0xffffffff} * kBlockSize;
      const bool possible = entry.size >= 0 && entry.size <= kLargest;
      return possible ? absl::OkStatus() : BadEntry(entry.path, "its size is not between 0 and 16 TiB");
    }
    default:
      return absl::OkStatus();
  }
}

}  // namespace

TreeWriter::TreeWriter(std::unique_ptr<Volume> volume) : volume_(std::move(volume)), names_(kRootInode) {}

absl::StatusOr<std::unique_ptr<TreeWriter>> TreeWriter::Create(std::unique_ptr<Volume> volume) {
  std::unique_ptr<TreeWriter> writer(new TreeWriter(std::move(volume)));
  // mke2fs' blocks of both directories are given back: all directories are written at the end.
  RETURN_IF_ERROR(writer->StartDirectory(kRootInode, 0755));
  RETURN_IF_ERROR(writer->StartDirectory(kLostAndFoundInode, 0700));
  writer->names_.AddDirectory(writer->names_.root(), kLostAndFound, kLostAndFoundInode);
  return writer;
}

absl::Status TreeWriter::StartDirectory(uint32_t inode, uint16_t mode) {
  ASSIGN_OR_RETURN(InodeRecord record, volume_->inodes().Load(inode));
  RETURN_IF_ERROR(FreeExtents(*volume_, inode, record));
  record = InodeRecord();
  record.fields.i_extra_isize = kExtraSize;
  SetAttributes(Entry{.type = FileType::kDirectory, .mode = mode}, record.fields);
  return volume_->inodes().Store(inode, record);
}

absl::StatusOr<TreeWriter::Place> TreeWriter::Locate(std::string_view path) {
  const auto [parent, name] = SplitPath(path);
  if (name.empty() || name.size() > EXT2_NAME_LEN) return BadEntry(path, "its name is not 1 to 255 bytes long");
  ASSIGN_OR_RETURN(Directory * directory, names_.Walk(parent, [this](Directory& above, std::string_view missing) {
    return MakeDirectory(above, missing);
  }));
  return Place{directory, name, directory == &names_.root() && name == kLostAndFound};
}

// Its attributes until it comes itself, if it ever does.
absl::StatusOr<Directory*> TreeWriter::MakeDirectory(Directory& parent, std::string_view name) {
  ASSIGN_OR_RETURN(const uint32_t inode, volume_->inodes().Allocate(true));
  RETURN_IF_ERROR(StartDirectory(inode, 0755));
  return &names_.AddDirectory(parent, name, inode);
}

absl::Status TreeWriter::SetRoot(const Entry& entry) {
  if (entry.type != FileType::kDirectory || entry.is_hard_link()) return BadEntry("/", "the root must be a folder");
  return UpdateDirectory(kRootInode, entry);
}

absl::StatusOr<uint32_t> TreeWriter::Put(const Place& place, const Entry& entry) {
  RETURN_IF_ERROR(CheckFits(entry));
  const bool is_directory = entry.type == FileType::kDirectory;
  if (const Child* present = NameTree::Find(*place.directory, place.name); present != nullptr) {
    if (is_directory && present->type == EXT2_FT_DIR) {
      const uint32_t inode = present->inode;
      RETURN_IF_ERROR(UpdateDirectory(inode, entry));
      return inode;
    }
    RETURN_IF_ERROR(Remove(*place.directory, place.name));
  }
  if (is_directory) {
    ASSIGN_OR_RETURN(const Directory* made, MakeDirectory(*place.directory, place.name));
    RETURN_IF_ERROR(UpdateDirectory(made->inode, entry));
    return made->inode;
  }
  ASSIGN_OR_RETURN(const uint32_t inode, volume_->inodes().Allocate(false));
  InodeRecord record;
  record.fields.i_extra_isize = kExtraSize;
  record.fields.i_links_count = 1;
  RETURN_IF_ERROR(FillRecord(inode, entry, record));
  if (entry.type == FileType::kSymlink) {
    const std::string& target = entry.symlink_target;
    record.set_size(target.size());
    if (target.size() < kFastSymlinkLimit) {
      std::memcpy(record.fields.i_block, target.data(), target.size());
    } else {
      FileWriter writer(volume_.get());
      RETURN_IF_ERROR(writer.Write(0, target));
      RETURN_IF_ERROR(writer.Finish());
      RETURN_IF_ERROR(StoreExtents(*volume_, inode, writer.extents(), record));
    }
    names_.SetSymlink(inode, target);
  }
  RETURN_IF_ERROR(volume_->inodes().Store(inode, record));
  place.directory->children.emplace(place.name, Child{inode, DirectoryType(entry.type)});
  return inode;
}

absl::Status TreeWriter::FillRecord(uint32_t inode, const Entry& entry, InodeRecord& record) {
  if (!SetAttributes(entry, record.fields)) AddLoss(entry.path, "a time outside of the years 1901 to 2446");
  ASSIGN_OR_RETURN(const std::vector<std::string> lost, StoreXattrs(*volume_, inode, entry.xattrs, record));
  for (const std::string& loss : lost) AddLoss(entry.path, loss);
  return absl::OkStatus();
}

absl::Status TreeWriter::UpdateDirectory(uint32_t inode, const Entry& entry) {
  ASSIGN_OR_RETURN(InodeRecord record, volume_->inodes().Load(inode));
  RETURN_IF_ERROR(FreeXattrs(*volume_, record));
  RETURN_IF_ERROR(FillRecord(inode, entry, record));
  return volume_->inodes().Store(inode, record);
}

absl::Status TreeWriter::Remove(Directory& directory, std::string_view name) {
  const auto found = directory.children.find(name);
  const Child removed = found->second;
  if (removed.inode == 0) waiting_.erase({directory.inode, std::string(name)});
  directory.children.erase(found);
  if (removed.type != EXT2_FT_DIR) return DropLink(removed);
  // All below it, without recursion: paths may be deeper than any stack.
  std::vector<uint32_t> doomed = {removed.inode};
  while (!doomed.empty()) {
    const uint32_t inode = doomed.back();
    doomed.pop_back();
    for (const auto& [below, child] : names_.FindDirectory(inode)->children) {
      if (child.inode == 0) waiting_.erase({inode, below});
      if (child.type == EXT2_FT_DIR) {
        doomed.push_back(child.inode);
      } else {
        RETURN_IF_ERROR(DropLink(child));
      }
    }
    names_.ForgetDirectory(inode);
    ASSIGN_OR_RETURN(InodeRecord record, volume_->inodes().Load(inode));
    RETURN_IF_ERROR(FreeXattrs(*volume_, record));
    RETURN_IF_ERROR(volume_->inodes().Free(inode, true));
  }
  return absl::OkStatus();
}

absl::Status TreeWriter::DropLink(const Child& child) {
  if (child.inode == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(InodeRecord record, volume_->inodes().Load(child.inode));
  if (--record.fields.i_links_count > 0) return volume_->inodes().Store(child.inode, record);
  RETURN_IF_ERROR(FreeXattrs(*volume_, record));
  RETURN_IF_ERROR(FreeExtents(*volume_, child.inode, record));
  names_.ForgetSymlink(child.inode);
  return volume_->inodes().Free(child.inode, false);
}

absl::Status TreeWriter::AddLink(uint32_t inode, std::string_view path) {
  ASSIGN_OR_RETURN(InodeRecord record, volume_->inodes().Load(inode));
  if (record.fields.i_links_count >= kLinkLimit) {
    return BadEntry(path, absl::StrCat("a file of an ext4 file system has at most ", kLinkLimit, " names"));
  }
  ++record.fields.i_links_count;
  return volume_->inodes().Store(inode, record);
}

absl::StatusOr<Child*> TreeWriter::LinkTarget(std::string_view path, LinkName& name) {
  const auto [parent, base] = SplitPath(path);
  absl::StatusOr<Directory*> directory = names_.Walk(parent, {});
  if (!directory.ok()) {
    if (absl::IsNotFound(directory.status())) return nullptr;
    return directory.status();
  }
  Child* child = NameTree::Find(**directory, base);
  if (child != nullptr) name = {(*directory)->inode, std::string(base)};
  return child;
}

absl::Status TreeWriter::PutHardLink(const Place& place, const Entry& entry) {
  LinkName target_name;
  ASSIGN_OR_RETURN(const Child* found, LinkTarget(entry.hard_link_to, target_name));
  if (found != nullptr && found->type == EXT2_FT_DIR) return BadEntry(entry.path, "it is a hard link to a folder");
  const Child target = found == nullptr ? Child() : *found;
  if (target_name == LinkName(place.directory->inode, place.name)) return absl::OkStatus();

  const Child* present = NameTree::Find(*place.directory, place.name);
  if (target.inode != 0) {
    if (present != nullptr && present->inode == target.inode) return absl::OkStatus();
    // Before the removal, which could else take the target along.
    RETURN_IF_ERROR(AddLink(target.inode, entry.path));
  }
  if (present != nullptr) RETURN_IF_ERROR(Remove(*place.directory, place.name));
  if (target.inode == 0) waiting_[{place.directory->inode, std::string(place.name)}] = entry.hard_link_to;
  place.directory->children.insert_or_assign(std::string(place.name), target);
  return absl::OkStatus();
}

absl::Status TreeWriter::ResolveLinks() {
  while (!waiting_.empty()) {
    // Targets may wait themselves: follow them to one that does not, then link all.
    std::vector<LinkName> chain = {waiting_.begin()->first};
    Child target;
    while (target.inode == 0) {
      const std::string& path = waiting_.at(chain.back());
      LinkName next;
      ASSIGN_OR_RETURN(const Child* found, LinkTarget(path, next));
      if (found == nullptr || found->type == EXT2_FT_DIR || chain.size() > waiting_.size()) {
        return BadEntry(chain.front().second,
                        absl::StrCat("it is a hard link to ", Escaped(path), ", which is no file here"));
      }
      target = *found;
      if (target.inode == 0) chain.push_back(std::move(next));
    }
    for (const LinkName& link : chain) {
      RETURN_IF_ERROR(AddLink(target.inode, link.second));
      names_.FindDirectory(link.first)->children[link.second] = target;
      waiting_.erase(link);
    }
  }
  return absl::OkStatus();
}

absl::Status TreeWriter::WriteDirectory(const Directory& directory) {
  std::vector<DirectoryEntry> entries;
  entries.reserve(directory.children.size());
  uint64_t links = 2;
  for (const auto& [name, child] : directory.children) {
    entries.push_back({name, child.inode, child.type});
    if (child.type == EXT2_FT_DIR) ++links;
  }
  const uint32_t minimum = directory.inode == kLostAndFoundInode ? kLostAndFoundBlocks : 1;
  ASSIGN_OR_RETURN(
      const DirectoryContent content,
      BuildDirectory(volume_->filesystem(), directory.inode, directory.parent->inode, std::move(entries), minimum));
  FileWriter writer(volume_.get());
  RETURN_IF_ERROR(writer.Write(0, content.bytes));
  ASSIGN_OR_RETURN(InodeRecord record, volume_->inodes().Load(directory.inode));
  record.set_size(content.bytes.size());
  if (content.indexed) record.fields.i_flags |= EXT2_INDEX_FL;
  // The feature dir_nlink: 1 says "more than can be counted".
  record.fields.i_links_count = links < kLinkLimit ? static_cast<uint16_t>(links) : 1;
  RETURN_IF_ERROR(StoreExtents(*volume_, directory.inode, writer.extents(), record));
  return volume_->inodes().Store(directory.inode, record);
}

absl::Status TreeWriter::Finish() {
  RETURN_IF_ERROR(Failpoint("ext4.finish"));
  RETURN_IF_ERROR(ResolveLinks());
  for (const auto& [inode, directory] : names_.directories()) RETURN_IF_ERROR(WriteDirectory(*directory));
  return volume_->Close();
}

void TreeWriter::AddLoss(std::string_view path, const std::string& reason) {
  if (losses_.size() < kLossLimit) losses_.push_back(absl::StrCat(Escaped(path), ": ", reason));
}

}  // namespace wslm::ext4
