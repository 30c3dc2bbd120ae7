#include "distros/tar/followed_paths.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace wslm {
namespace {

// As many as Linux follows in one path.
constexpr int kLinksMax = 40;

// Puts the names of `path` on `names`, the first on top.
void PushNames(std::string_view path, std::vector<std::string>& names) {
  while (!path.empty()) {
    const size_t slash = path.rfind('/');
    const std::string_view last = slash == std::string_view::npos ? path : path.substr(slash + 1);
    if (!last.empty() && last != ".") names.emplace_back(last);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
  }
}

}  // namespace

std::optional<std::string> FollowedPaths::Follow(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (links_.empty() || slash == std::string_view::npos) return std::string(path);
  const std::string_view folder = path.substr(0, slash);
  if (!last_folder_ || *last_folder_ != folder) {
    last_folder_.reset();
    std::optional<std::string> followed = FollowFolder(folder);
    if (!followed) return std::nullopt;
    last_followed_ = *std::move(followed);
    last_folder_ = folder;
  }
  return absl::StrCat(last_followed_, last_followed_.empty() ? "" : "/", std::string(path.substr(slash + 1)));
}

std::optional<std::string> FollowedPaths::FollowFolder(std::string_view path) const {
  std::vector<std::string> rest;
  PushNames(path, rest);
  std::string at;
  int links = 0;
  while (!rest.empty()) {
    const std::string name = std::move(rest.back());
    rest.pop_back();
    const size_t above = at.size();
    if (name == "..") {
      const size_t slash = at.rfind('/');
      at.resize(slash == std::string::npos ? 0 : slash);
      continue;
    }
    absl::StrAppend(&at, at.empty() ? "" : "/", name);
    const auto link = links_.find(at);
    if (link == links_.end()) continue;
    if (++links > kLinksMax) return std::nullopt;
    at.resize(absl::StartsWith(link->second, "/") ? 0 : above);
    PushNames(link->second, rest);
  }
  return at;
}

void FollowedPaths::Came(const Entry& entry) {
  std::string target;
  if (entry.is_hard_link()) {
    if (const auto link = links_.find(entry.hard_link_to); link != links_.end()) target = link->second;
  } else if (entry.type == FileType::kSymlink) {
    target = entry.symlink_target;
  }
  const bool is_folder = entry.type == FileType::kDirectory && !entry.is_hard_link();
  Forget(entry.path, /*below=*/!is_folder);
  if (target.empty()) return;
  links_.emplace(entry.path, std::move(target));
  last_folder_.reset();
}

void FollowedPaths::Forget(const std::string& path, bool below) {
  size_t gone = links_.erase(path);
  if (below && !links_.empty()) {
    const std::string beginning = absl::StrCat(path, "/");
    auto next = links_.lower_bound(beginning);
    while (next != links_.end() && absl::StartsWith(next->first, beginning)) {
      next = links_.erase(next);
      ++gone;
    }
  }
  if (gone > 0) last_folder_.reset();
}

}  // namespace wslm
