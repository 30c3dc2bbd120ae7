#include "distros/tree/tree_index.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/tree/content_hash.h"
#include "distros/tree/transfer_watch.h"

namespace wslm {
namespace {

absl::Status Corrupt(const std::string& path, std::string_view what) {
  const std::string detail = absl::StrCat("'", Escaped(path), "' ", std::string(what));
  return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
               absl::StrCat("The source is damaged: its entry ", detail, "."), {{"detail", detail}});
}

}  // namespace

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

TreeIndex::TreeIndex() {
  files_.emplace_back();
  paths_.emplace("", 0);
}

absl::StatusOr<TreeIndex> TreeIndex::Read(Source& source, const TransferOptions& options) {
  TreeIndex index;
  TransferWatch watch(options);
  ContentHash<Sha256> hash;
  Entry entry;
  while (true) {
    RETURN_IF_ERROR(watch.Step(entry.path, source.position(), source.total()));
    ASSIGN_OR_RETURN(const bool more, source.Next(entry));
    if (!more) break;
    RETURN_IF_ERROR(CheckEntry(entry));
    Sha256Digest content{};
    if (entry.type == FileType::kRegular && !entry.is_hard_link()) {
      while (true) {
        ASSIGN_OR_RETURN(const std::optional<DataBlock> block, source.Read());
        if (!block) break;
        hash.Write(block->offset, block->bytes);
        RETURN_IF_ERROR(watch.Step(entry.path, source.position(), source.total()));
      }
      content = hash.Finish(entry.size);
    }
    RETURN_IF_ERROR(index.Add(entry, content));
  }
  RETURN_IF_ERROR(index.ResolveLinks());
  index.CountNames();
  return index;
}

absl::Status TreeIndex::Add(const Entry& entry, const Sha256Digest& content) {
  RETURN_IF_ERROR(AddParents(entry.path));
  if (entry.is_hard_link()) {
    if (entry.hard_link_to == entry.path) return Corrupt(entry.path, "is a hard link to itself");
    const auto target = paths_.find(entry.hard_link_to);
    if (target == paths_.end()) {
      pending_[entry.path] = entry.hard_link_to;
      return absl::OkStatus();
    }
    const uint32_t file = target->second;
    if (files_[file].type == FileType::kDirectory) return Corrupt(entry.path, "is a hard link to a directory");
    Put(entry.path, file);
    return absl::OkStatus();
  }
  IndexedFile file;
  file.type = entry.type;
  // Linux knows no mode of a symlink; archives write whatever their maker's system has.
  file.mode = entry.type == FileType::kSymlink ? 0777 : entry.mode;
  file.uid = entry.uid;
  file.gid = entry.gid;
  file.mtime = entry.mtime;
  if (entry.type == FileType::kCharDevice || entry.type == FileType::kBlockDevice) {
    file.rdev_major = entry.rdev_major;
    file.rdev_minor = entry.rdev_minor;
  }
  if (entry.type == FileType::kSymlink) file.symlink_target = entry.symlink_target;
  if (entry.type == FileType::kRegular) file.size = entry.size;
  file.xattrs = entry.xattrs;
  file.content = content;
  const auto present = paths_.find(entry.path);
  if (present != paths_.end() && file.type == FileType::kDirectory &&
      files_[present->second].type == FileType::kDirectory) {
    files_[present->second] = std::move(file);
    return absl::OkStatus();
  }
  files_.push_back(std::move(file));
  Put(entry.path, static_cast<uint32_t>(files_.size() - 1));
  return absl::OkStatus();
}

absl::Status TreeIndex::AddParents(const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  const std::string parent = ParentOf(path);
  const auto present = paths_.find(parent);
  if (present != paths_.end()) {
    if (files_[present->second].type == FileType::kDirectory) return absl::OkStatus();
    return Corrupt(path, "lies below what is no directory");
  }
  RETURN_IF_ERROR(AddParents(parent));
  files_.emplace_back();
  paths_.emplace(parent, static_cast<uint32_t>(files_.size() - 1));
  return absl::OkStatus();
}

void TreeIndex::Put(const std::string& path, uint32_t file) {
  pending_.erase(path);
  const auto [place, is_new] = paths_.try_emplace(path, file);
  if (is_new) return;
  const bool was_directory = files_[place->second].type == FileType::kDirectory;
  place->second = file;
  if (!was_directory) return;
  const std::string below = path + "/";
  const auto in_it = [&](const auto& named) { return absl::StartsWith(named.first, below); };
  for (auto named = paths_.lower_bound(below); named != paths_.end() && in_it(*named);) named = paths_.erase(named);
  for (auto link = pending_.lower_bound(below); link != pending_.end() && in_it(*link);) link = pending_.erase(link);
}

absl::Status TreeIndex::ResolveLinks() {
  while (!pending_.empty()) {
    bool resolved = false;
    for (auto link = pending_.begin(); link != pending_.end();) {
      const auto target = paths_.find(link->second);
      if (target == paths_.end()) {
        ++link;
        continue;
      }
      const uint32_t file = target->second;
      if (files_[file].type == FileType::kDirectory) return Corrupt(link->first, "is a hard link to a directory");
      paths_[link->first] = file;
      link = pending_.erase(link);
      resolved = true;
    }
    if (!resolved) return Corrupt(pending_.begin()->first, "is a hard link to what never comes");
  }
  return absl::OkStatus();
}

void TreeIndex::CountNames() {
  for (const auto& [path, number] : paths_) {
    IndexedFile& file = files_[number];
    if (file.names++ == 0) file.first_name = path;
  }
}

}  // namespace wslm
