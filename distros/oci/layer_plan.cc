#include "distros/oci/layer_plan.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/tar/archive_reader.h"

namespace wslm {
namespace {

constexpr size_t kNamesMax = 10'000'000;
constexpr size_t kWarningsMax = 100;
constexpr std::string_view kRemovalPrefix = ".wh.";
constexpr std::string_view kAufsPrefix = ".wh..wh.";
constexpr std::string_view kOpaqueName = ".wh..wh..opq";

bool StartsWith(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

// The first component, and what comes behind it.
std::pair<std::string_view, std::string_view> SplitFirst(std::string_view path) {
  const size_t slash = path.find('/');
  if (slash == std::string_view::npos) return {path, {}};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

std::pair<std::string_view, std::string_view> SplitLast(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {{}, path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

LayerPlan::LayerPlan(size_t layers, std::string name) : name_(std::move(name)), needed_(layers) {
  nodes_.emplace_back();
}

absl::Status LayerPlan::Corrupt(std::string_view path, std::string_view what) const {
  return CorruptArchive(name_, absl::StrCat("its entry '", Escaped(path.substr(0, 300)), "' ", std::string(what)));
}

LayerPlan::Name LayerPlan::NameOf(std::string_view path) {
  if (StartsWith(SplitFirst(path).first, kAufsPrefix) && path != kOpaqueName) return {.meaning = Meaning::kAufs};
  const auto [folder, leaf] = SplitLast(path);
  for (std::string_view rest = folder; !rest.empty();) {
    const auto [component, behind] = SplitFirst(rest);
    if (StartsWith(component, kRemovalPrefix)) return {.meaning = Meaning::kWrong};
    rest = behind;
  }
  if (leaf == kOpaqueName) return {Meaning::kOpaque, folder, {}};
  if (StartsWith(leaf, kAufsPrefix)) return {.meaning = Meaning::kAufs};
  if (!StartsWith(leaf, kRemovalPrefix)) return {Meaning::kEntry, folder, leaf};
  const std::string_view removed = leaf.substr(kRemovalPrefix.size());
  if (removed.empty() || removed == "." || removed == "..") return {.meaning = Meaning::kWrong};
  return {Meaning::kRemoval, folder, removed};
}

LayerPlan::NameKey LayerPlan::KeyOf(uint32_t parent, std::string_view component) {
  char number[sizeof(parent)];
  std::memcpy(number, &parent, sizeof(parent));
  sha_.Update({number, sizeof(number)});
  const Sha256Digest digest = sha_.Of(component);
  NameKey key;
  std::memcpy(key.data(), digest.data(), key.size());
  return key;
}

uint32_t LayerPlan::Child(uint32_t parent, std::string_view component) {
  const auto [found, inserted] = names_.try_emplace(KeyOf(parent, component), static_cast<uint32_t>(nodes_.size()));
  if (inserted) nodes_.push_back({.parent = parent});
  return found->second;
}

absl::StatusOr<uint32_t> LayerPlan::FolderNode(std::string_view path, bool fill) {
  if (has_last_folder_ && path == last_folder_) {
    emptied_above_ = last_folder_emptied_;
    return last_folder_node_;
  }
  uint32_t node = 0;
  LayerNumber emptied = 0;
  for (std::string_view rest = path;;) {
    Node& here = nodes_[node];
    if (fill && here.here == layer_ && here.here_kind != Kind::kFolder) {
      return Corrupt(path, "lies below something that is no folder");
    }
    emptied = std::max(emptied, here.emptied);
    if (fill) {
      here.filled = std::max(here.filled, layer_);
      here.last_filled = layer_;
    }
    if (rest.empty()) break;
    const auto [component, behind] = SplitFirst(rest);
    node = Child(node, component);
    rest = behind;
  }
  if (nodes_.size() > kNamesMax) return CorruptArchive(name_, "it holds more than ten million names");
  emptied_above_ = emptied;
  if (fill) {
    last_folder_ = path;
    last_folder_node_ = node;
    last_folder_emptied_ = emptied;
    has_last_folder_ = true;
  }
  return node;
}

absl::StatusOr<uint32_t> LayerPlan::Walk(std::string_view path, bool fill) {
  emptied_above_ = 0;
  if (path.empty()) return 0;
  const auto [folder, leaf] = SplitLast(path);
  ASSIGN_OR_RETURN(const uint32_t parent, FolderNode(folder, fill));
  return Child(parent, leaf);
}

void LayerPlan::BeginLayer(size_t layer) {
  layer_ = static_cast<LayerNumber>(layer + 1);
  number_ = 0;
  has_last_folder_ = false;
}

absl::Status LayerPlan::Add(const Entry& entry) {
  const uint32_t number = number_++;
  const Name name = NameOf(entry.path);
  switch (name.meaning) {
    case Meaning::kWrong:
      return Corrupt(entry.path, "is a removal ('.wh.') of what can't be a name");
    case Meaning::kEntry:
      return AddEntry(entry, number, /*in_tree=*/true);
    case Meaning::kAufs:
      // Hard links may lead to these.
      return AddEntry(entry, number, /*in_tree=*/false);
    case Meaning::kOpaque:
    case Meaning::kRemoval:
      break;
  }
  ASSIGN_OR_RETURN(uint32_t index, FolderNode(name.folder, /*fill=*/false));
  if (name.meaning == Meaning::kRemoval) {
    index = Child(index, name.leaf);
    nodes_[index].removed = std::max(nodes_[index].removed, layer_);
    nodes_[index].last_removed = layer_;
  }
  nodes_[index].emptied = std::max(nodes_[index].emptied, layer_);
  nodes_[index].last_emptied = layer_;
  return absl::OkStatus();
}

absl::Status LayerPlan::AddEntry(const Entry& entry, uint32_t number, bool in_tree) {
  const bool folder = entry.type == FileType::kDirectory && !entry.is_hard_link();
  if (entry.path.empty() && !folder) return Corrupt("/", "is no folder");
  ASSIGN_OR_RETURN(const uint32_t index, Walk(entry.path, /*fill=*/true));
  const LayerNumber emptied_above = emptied_above_;
  Node& node = nodes_[index];
  if (!folder && node.last_filled == layer_) {
    return Corrupt(entry.path, "is a folder and something else in one layer");
  }
  const bool wanted_as_folder = !folder && node.filled > layer_;
  const bool hidden =
      !in_tree || node.winner > layer_ || node.removed > layer_ || emptied_above > layer_ || wanted_as_folder;
  if (wanted_as_folder && in_tree && node.winner <= layer_ && node.removed <= layer_ && emptied_above <= layer_ &&
      node.emptied <= layer_ && warnings_.size() < kWarningsMax) {
    warnings_.push_back(absl::StrCat(
        Escaped(entry.path), ": it gave way to a folder, since a higher layer of the image has files below it."));
  }
  node.here = layer_;
  node.here_kind = entry.is_hard_link() ? Kind::kLink : folder ? Kind::kFolder : Kind::kOther;
  node.here_number = number;
  if (!hidden) {
    node.winner = layer_;
    node.winner_number = number;
    needed_[layer_ - 1] = true;
  } else if (node.winner == layer_) {
    // An earlier entry of the same name.
    node.winner = 0;
  }
  if (!folder) {
    // Lower layers' entries are gone though it may be hidden itself.
    node.removed = std::max(node.removed, layer_);
    node.emptied = std::max(node.emptied, layer_);
    node.last_emptied = layer_;
  }
  if (!entry.is_hard_link()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const uint32_t target, Walk(entry.hard_link_to, /*fill=*/false));
  link_at_[index] = links_.size();
  links_.push_back({index, number, target, entry.path, entry.hard_link_to});
  return absl::OkStatus();
}

absl::Status LayerPlan::EndLayer() {
  std::vector<Request> requests = std::exchange(requests_, {});
  for (const Link& link : links_) {
    const Node& node = nodes_[link.node];
    if (node.winner != layer_ || node.winner_number != link.number) continue;
    requests.push_back({layer_, link.number, link.target, link.path, link.target_path});
  }
  for (Request& request : requests) RETURN_IF_ERROR(Resolve(std::move(request)));
  links_.clear();
  link_at_.clear();
  return absl::OkStatus();
}

bool LayerPlan::RemovedHere(uint32_t index) const {
  if (nodes_[index].last_removed == layer_) return true;
  while (index != 0) {
    index = nodes_[index].parent;
    if (nodes_[index].last_emptied == layer_) return true;
  }
  return false;
}

// Follows the links of the present layer to what is none, or down into a lower layer.
absl::Status LayerPlan::Resolve(Request request) {
  std::vector<size_t> passed;
  while (nodes_[request.target].here == layer_ && nodes_[request.target].here_kind == Kind::kLink) {
    const size_t at = link_at_[request.target];
    if (passed.size() > links_.size()) return Corrupt(request.path, "is a hard link that leads back to itself");
    passed.push_back(at);
    request.target = links_[at].target;
    request.target_path = links_[at].target_path;
    request.direct = false;
  }
  // The next that comes this way has it shorter.
  for (const size_t at : passed) {
    links_[at].target = request.target;
    links_[at].target_path = request.target_path;
  }
  const Node& target = nodes_[request.target];
  const bool here = target.here == layer_;
  if (here ? target.here_kind == Kind::kFolder : target.last_filled == layer_) {
    return Corrupt(request.path, "is a hard link to a folder");
  }
  if (!here) {
    if (RemovedHere(request.target)) return Corrupt(request.path, "is a hard link to what its layer has removed");
    requests_.push_back(std::move(request));
    return absl::OkStatus();
  }
  const uint64_t link = EntryKey(request.layer, request.number);
  if (target.winner == layer_ && target.winner_number == target.here_number) {
    if (!request.direct) targets_[link] = std::move(request.target_path);
    return absl::OkStatus();
  }
  const auto [found, first] = promoted_.try_emplace(EntryKey(layer_, target.here_number), request.path);
  targets_[link] = first ? std::string() : found->second;
  needed_[layer_ - 1] = true;
  return absl::OkStatus();
}

absl::Status LayerPlan::Finish() {
  if (!requests_.empty()) return Corrupt(requests_[0].path, "is a hard link to nothing");
  return absl::OkStatus();
}

bool LayerPlan::Take(size_t layer, uint32_t number, Entry& entry) {
  const auto key = EntryKey(static_cast<LayerNumber>(layer + 1), number);
  if (const auto promoted = promoted_.find(key); promoted != promoted_.end()) {
    entry.path = promoted->second;
    return true;
  }
  if (NameOf(entry.path).meaning != Meaning::kEntry) return false;
  uint32_t index = 0;
  for (std::string_view rest = entry.path; !rest.empty();) {
    const auto [component, behind] = SplitFirst(rest);
    const auto found = names_.find(KeyOf(index, component));
    if (found == names_.end()) return false;
    index = found->second;
    rest = behind;
  }
  const Node& node = nodes_[index];
  if (node.winner != layer + 1 || node.winner_number != number) return false;
  const auto target = targets_.find(key);
  if (target == targets_.end()) return true;
  entry.hard_link_to = target->second;
  return !target->second.empty();
}

}  // namespace wslm
