#include "distros/tree/digest.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/tree/content_hash.h"
#include "distros/tree/sha256.h"

namespace wslm {
namespace {

// A path is known by the first half of its SHA-256: the memory an entry costs does not depend on its path's length.
using PathKey = std::array<uint8_t, 16>;

constexpr uint32_t kNone = UINT32_MAX;

// A name in the tree.
struct Node {
  uint32_t parent = kNone;
  // What the name stands for: index into inodes_; kNone: a directory that only its children spoke of.
  uint32_t inode = kNone;
  // Raised when a directory is replaced by something else: its children, who remember the number, are gone then.
  uint32_t generation = 0;
  uint32_t parent_generation = 0;
  bool directory = true;
};

// What one or more names stand for.
struct Inode {
  Sha256Digest attributes{};
  int64_t bytes = 0;
};

// A hard link whose target had not come yet.
struct PendingLink {
  PathKey target;
  std::string path;
};

// By node.
using PendingLinks = absl::flat_hash_map<uint32_t, PendingLink>;

void AppendNumber(std::string& out, uint64_t number) {
  char bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(number >> (8 * i));
  out.append(bytes, sizeof(bytes));
}

void AppendString(std::string& out, std::string_view text) {
  AppendNumber(out, text.size());
  out += text;
}

template <size_t kSize>
std::string_view AsText(const std::array<uint8_t, kSize>& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// All that counts of an entry but its names and its content.
std::string Serialised(const Entry& entry) {
  std::string out = "wslm-entry-1";
  AppendNumber(out, static_cast<uint64_t>(entry.type));
  // Linux knows no mode of a symlink; archives write whatever their maker's system has.
  AppendNumber(out, entry.type == FileType::kSymlink ? 0777 : entry.mode);
  AppendNumber(out, entry.uid);
  AppendNumber(out, entry.gid);
  AppendNumber(out, static_cast<uint64_t>(entry.mtime.seconds));
  AppendNumber(out, entry.mtime.nanoseconds);
  const bool device = entry.type == FileType::kCharDevice || entry.type == FileType::kBlockDevice;
  AppendNumber(out, device ? entry.rdev_major : 0);
  AppendNumber(out, device ? entry.rdev_minor : 0);
  AppendString(out, entry.type == FileType::kSymlink ? entry.symlink_target : std::string_view());
  AppendNumber(out, entry.xattrs.size());
  for (const auto& [name, value] : entry.xattrs) {
    AppendString(out, name);
    AppendString(out, value);
  }
  return out;
}

std::string_view ParentOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

void AddModulo(std::array<uint8_t, 32>& sum, const Sha256Digest& digest) {
  unsigned carry = 0;
  for (size_t i = 0; i < sum.size(); ++i) {
    carry += sum[i] + digest[i];
    sum[i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
}

absl::Status Corrupt(std::string_view path, std::string_view what) {
  const std::string detail = absl::StrCat("'", Escaped(path), "' ", std::string(what));
  return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
               absl::StrCat("The source is damaged: its entry ", detail, "."), {{"detail", detail}});
}

}  // namespace

std::string TreeDigest::ToString() const {
  std::string hex;
  constexpr char kDigits[] = "0123456789abcdef";
  for (const uint8_t byte : sum) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return absl::StrCat(entries, ":", bytes, ":", hex);
}

struct DigestBuilder::Impl {
  Impl() {
    nodes.emplace_back();
    names.emplace(KeyOf(""), 0);
  }

  PathKey KeyOf(std::string_view path) {
    const Sha256Digest digest = sha.Of(path);
    PathKey key;
    std::memcpy(key.data(), digest.data(), key.size());
    return key;
  }

  // Whether neither the node nor what is above it has been replaced.
  bool Alive(uint32_t index) const {
    for (; nodes[index].parent != kNone; index = nodes[index].parent) {
      if (nodes[index].parent_generation != nodes[nodes[index].parent].generation) return false;
    }
    return true;
  }

  // The directory `path`, made when it isn't there. kNone: something else is there.
  uint32_t Directory(std::string_view path) {
    if (path.empty()) return nodes[0].directory ? 0 : kNone;
    if (path == last_directory_path && Alive(last_directory) && nodes[last_directory].directory) return last_directory;
    const uint32_t parent = Directory(ParentOf(path));
    if (parent == kNone) return kNone;
    const uint32_t index = NodeAt(path, parent);
    if (!nodes[index].directory) return kNone;
    last_directory_path = path;
    last_directory = index;
    return index;
  }

  // The name `path` in `parent`: what is there, or a new one, which is a directory nobody spoke of.
  uint32_t NodeAt(std::string_view path, uint32_t parent) {
    const auto [found, inserted] = names.try_emplace(KeyOf(path), static_cast<uint32_t>(nodes.size()));
    const uint32_t index = found->second;
    if (inserted) {
      nodes.push_back({.parent = parent, .parent_generation = nodes[parent].generation});
    } else if (!Alive(index)) {
      Node& node = nodes[index];
      node.parent_generation = nodes[parent].generation;
      node.inode = kNone;
      node.directory = true;
      ++node.generation;
    }
    return index;
  }

  absl::Status Begin(const Entry& entry) {
    current = kNone;
    uint32_t index = 0;
    if (!entry.path.empty()) {
      const uint32_t parent = Directory(ParentOf(entry.path));
      if (parent == kNone) return Corrupt(entry.path, "lies below something that is no folder");
      index = NodeAt(entry.path, parent);
    }
    const bool directory = entry.type == FileType::kDirectory && !entry.is_hard_link();
    if (index == 0 && !directory) return Corrupt("/", "is no folder");
    if (entry.is_hard_link()) return Link(entry, index);
    Node& node = nodes[index];
    if (node.directory && !directory) ++node.generation;
    node.directory = directory;
    node.inode = static_cast<uint32_t>(inodes.size());
    inodes.emplace_back();
    current = node.inode;
    regular = entry.type == FileType::kRegular;
    serialised = Serialised(entry);
    size = regular ? entry.size : 0;
    return absl::OkStatus();
  }

  absl::Status Link(const Entry& entry, uint32_t index) {
    const PathKey key = KeyOf(entry.hard_link_to);
    const auto target = names.find(key);
    const bool there = target != names.end() && Alive(target->second);
    if (there && target->second == index) return Corrupt(entry.path, "is a hard link to itself");
    Node& node = nodes[index];
    if (node.directory) ++node.generation;
    node.directory = false;
    node.inode = kNone;
    if (there && nodes[target->second].inode != kNone && !nodes[target->second].directory) {
      node.inode = nodes[target->second].inode;
    } else {
      pending.insert_or_assign(index, PendingLink{key, entry.path});
    }
    return absl::OkStatus();
  }

  void Write(const DataBlock& block) {
    if (current != kNone && regular) content.Write(block.offset, block.bytes, size);
  }

  void End() {
    if (current == kNone) return;
    if (regular) serialised += AsText(content.Finish(size));
    inodes[current] = {sha.Of(serialised), size};
    current = kNone;
  }

  // Gives hard links that came before their targets what they stand for. Links may lead to links.
  absl::Status ResolvePending() {
    while (!pending.empty()) {
      PendingLinks still;
      for (auto& [index, link] : pending) {
        Node& node = nodes[index];
        // Replaced, or removed with its folder, since.
        if (!Alive(index) || node.directory || node.inode != kNone) continue;
        const auto target = names.find(link.target);
        if (target == names.end() || !Alive(target->second)) return Corrupt(link.path, "is a hard link to nothing");
        const Node& to = nodes[target->second];
        if (to.directory) return Corrupt(link.path, "is a hard link to a folder");
        if (to.inode == kNone) {
          still.emplace(index, std::move(link));
        } else {
          node.inode = to.inode;
        }
      }
      if (!still.empty() && still.size() == pending.size()) {
        return Corrupt(still.begin()->second.path, "is a hard link that leads back to itself");
      }
      pending = std::move(still);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<TreeDigest> Finish() {
    if (absl::Status status = ResolvePending(); !status.ok()) return status;
    Entry unseen;
    unseen.type = FileType::kDirectory;
    unseen.mode = 0755;
    const Sha256Digest unseen_attributes = sha.Of(Serialised(unseen));

    std::vector<uint32_t> name_count(inodes.size());
    for (uint32_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i].inode != kNone && Alive(i)) ++name_count[nodes[i].inode];
    }
    TreeDigest digest;
    std::vector<std::pair<uint32_t, PathKey>> shared;  // names of what has more than one
    const auto add = [&](const Sha256Digest& attributes, std::string_view keys) {
      sha.Update(AsText(attributes));
      sha.Update(keys);
      AddModulo(digest.sum, sha.Finish());
    };
    const auto text = [](const PathKey& key) {
      return std::string_view(reinterpret_cast<const char*>(key.data()), key.size());
    };
    for (const auto& [key, index] : names) {
      if (!Alive(index)) continue;
      ++digest.entries;
      const uint32_t inode = nodes[index].inode;
      if (inode == kNone) {
        add(unseen_attributes, text(key));
      } else if (name_count[inode] == 1) {
        add(inodes[inode].attributes, text(key));
        digest.bytes += inodes[inode].bytes;
      } else {
        shared.emplace_back(inode, key);
      }
    }
    std::sort(shared.begin(), shared.end());
    for (size_t i = 0; i < shared.size();) {
      const uint32_t inode = shared[i].first;
      std::string keys;
      for (; i < shared.size() && shared[i].first == inode; ++i) keys += text(shared[i].second);
      add(inodes[inode].attributes, keys);
      digest.bytes += inodes[inode].bytes;
    }
    return digest;
  }

  Sha256 sha;
  ContentHash<FastHash> content;
  std::vector<Node> nodes;  // the first is the root
  std::vector<Inode> inodes;
  absl::flat_hash_map<PathKey, uint32_t> names;
  PendingLinks pending;
  std::string last_directory_path;
  uint32_t last_directory = 0;
  // The entry between Begin and End.
  uint32_t current = kNone;
  bool regular = false;
  int64_t size = 0;
  std::string serialised;
};

DigestBuilder::DigestBuilder() : impl_(std::make_unique<Impl>()) {}
DigestBuilder::~DigestBuilder() = default;
absl::Status DigestBuilder::Begin(const Entry& entry) { return impl_->Begin(entry); }
void DigestBuilder::Write(const DataBlock& block) { impl_->Write(block); }
void DigestBuilder::End() { impl_->End(); }
absl::StatusOr<TreeDigest> DigestBuilder::Finish() { return impl_->Finish(); }

}  // namespace wslm
