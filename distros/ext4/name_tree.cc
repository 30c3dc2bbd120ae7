#include "distros/ext4/name_tree.h"

#include <ext2fs/ext2fs.h>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::ext4 {
namespace {

// As the kernel's path walk.
constexpr int kSymlinkLimit = 40;

// Puts the components of `path` on `stack`, the first on top.
void PushComponents(std::string_view path, std::vector<std::string>& stack) {
  while (!path.empty()) {
    const size_t slash = path.rfind('/');
    const std::string_view last = slash == std::string_view::npos ? path : path.substr(slash + 1);
    if (!last.empty()) stack.emplace_back(last);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
  }
}

absl::Status NotADirectory(std::string_view path, std::string_view component) {
  return Error(
      absl::StatusCode::kInvalidArgument, reason::kCorruptSource,
      absl::StrCat("Something lies under ", Escaped(path), ", but ", Escaped(component), " there is no folder."));
}

}  // namespace

NameTree::NameTree(uint32_t root_inode) {
  auto root = std::make_unique<Directory>();
  root->inode = root_inode;
  root->parent = root.get();
  root_ = root.get();
  directories_[root_inode] = std::move(root);
}

Directory& NameTree::AddDirectory(Directory& parent, std::string_view name, uint32_t inode) {
  auto directory = std::make_unique<Directory>();
  directory->inode = inode;
  directory->parent = &parent;
  Directory& added = *directory;
  directories_[inode] = std::move(directory);
  parent.children.insert_or_assign(std::string(name), Child{inode, EXT2_FT_DIR});
  return added;
}

Directory* NameTree::FindDirectory(uint32_t inode) {
  const auto found = directories_.find(inode);
  return found == directories_.end() ? nullptr : found->second.get();
}

Child* NameTree::Find(Directory& directory, std::string_view name) {
  const auto found = directory.children.find(name);
  return found == directory.children.end() ? nullptr : &found->second;
}

absl::StatusOr<Directory*> NameTree::Walk(std::string_view path, const Make& make) {
  Directory* current = root_;
  std::vector<std::string> ahead;
  PushComponents(path, ahead);
  int symlinks = 0;
  while (!ahead.empty()) {
    const std::string component = std::move(ahead.back());
    ahead.pop_back();
    if (component == ".") continue;
    if (component == "..") {
      current = current->parent;
      continue;
    }
    const Child* child = Find(*current, component);
    if (child == nullptr) {
      if (!make) return absl::NotFoundError("");
      ASSIGN_OR_RETURN(current, make(*current, component));
    } else if (child->type == EXT2_FT_DIR) {
      current = FindDirectory(child->inode);
    } else if (child->type == EXT2_FT_SYMLINK) {
      if (++symlinks > kSymlinkLimit) return NotADirectory(path, component);
      const std::string& target = symlinks_.at(child->inode);
      if (!target.empty() && target.front() == '/') current = root_;
      PushComponents(target, ahead);
    } else {
      return NotADirectory(path, component);
    }
  }
  return current;
}

std::pair<std::string_view, std::string_view> SplitPath(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace wslm::ext4
