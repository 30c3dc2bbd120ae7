// Which entries of an image's layers make up its tree (OCI image specification, layer.md).
//
// The layers' entries are shown to it once, the highest layer first, without their content. It then knows for each
// entry whether it is in the final tree, so that a second pass, the lowest layer first, gives out each final entry
// once, in the order of the archives, and no content is kept anywhere.
//
//   for (size_t layer = count; layer-- > 0;) {
//     plan.BeginLayer(layer);
//     for (entry : of the layer) RETURN_IF_ERROR(plan.Add(entry));
//     RETURN_IF_ERROR(plan.EndLayer());
//   }
//   RETURN_IF_ERROR(plan.Finish());
//   for (layer 0, 1, …) for (entry number 0, 1, … of the layer) if (plan.Take(layer, number, entry)) Use(entry);
//
// Going down, a path that a higher layer set or removed hides what lower ones have there:
//  * ".wh.NAME" removes NAME and all below it from lower layers; ".wh..wh..opq" all that they have below its folder.
//  Where
//    in its layer it comes does not matter: its own layer's entries stay.
//  * What is no folder takes away what lower layers have at its path and below. A folder takes away a lower file, and
//    gives its attributes to a lower folder, whose entries stay.
//  * A folder that a layer has only as part of a longer path leaves a lower folder's attributes, and takes a lower
//  file's
//    or link's place, as overlayfs has it, with a warning.
//  * A hard link leads to what its target was in its own layer, or in the next lower one that has it. When a higher
//  layer
//    has replaced or removed the target, its content is given out under the link's own name.
//
// Memory: about 100 bytes a name, whatever its length; hard links whose target is hidden cost their paths beside. Names
// of AUFS's own (".wh..wh.plnk", …) are left out. Not thread-safe.
#ifndef WSLM_DISTROS_OCI_LAYER_PLAN_H_
#define WSLM_DISTROS_OCI_LAYER_PLAN_H_

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/tree/entry.h"
#include "distros/tree/sha256.h"

namespace wslm {

class LayerPlan {
 public:
  // `layers` is at most 65,000. `name` is for messages.
  LayerPlan(size_t layers, std::string name);

  void BeginLayer(size_t layer);
  // Error: CORRUPT_SOURCE for a removal of what can't be a name, what lies below something that is no folder in its own
  // layer, and more than ten million names.
  absl::Status Add(const Entry& entry);
  // Error: CORRUPT_SOURCE when a hard link leads to nothing, to a folder or in a circle.
  absl::Status EndLayer();
  absl::Status Finish();

  // Whether the entry is in the final tree; its path or its link's target may be changed.
  bool Take(size_t layer, uint32_t number, Entry& entry);
  // Whether the layer has any such entry.
  bool Needed(size_t layer) const { return needed_[layer]; }
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  // Layers are counted from 1 here; 0 is none.
  using LayerNumber = uint16_t;
  enum class Kind : uint8_t { kNone, kFolder, kLink, kOther };
  // A name in the tree of all layers.
  struct Node {
    uint32_t parent = 0;
    // The entry that is in the final tree.
    uint32_t winner_number = 0;
    LayerNumber winner = 0;
    // The highest layer that removes it; that removes what is below it; that has something below it.
    LayerNumber removed = 0;
    LayerNumber emptied = 0;
    LayerNumber filled = 0;
    // The same, the lowest layer seen so far.
    LayerNumber last_removed = 0;
    LayerNumber last_emptied = 0;
    LayerNumber last_filled = 0;
    // The last entry seen: of the present layer, when `here` is that.
    LayerNumber here = 0;
    Kind here_kind = Kind::kNone;
    uint32_t here_number = 0;
  };
  using NameKey = std::array<uint8_t, 16>;
  struct Link {
    uint32_t node = 0;
    uint32_t number = 0;
    uint32_t target = 0;
    std::string path;
    std::string target_path;
  };
  // A hard link of the final tree whose target was not found yet.
  struct Request {
    LayerNumber layer = 0;
    uint32_t number = 0;
    uint32_t target = 0;
    std::string path;
    std::string target_path;
    // As the entry itself says it.
    bool direct = true;
  };
  // What a name means in a layer.
  enum class Meaning { kEntry, kAufs, kRemoval, kOpaque, kWrong };
  struct Name {
    Meaning meaning = Meaning::kEntry;
    std::string_view folder;
    // Of the entry, or of what is removed.
    std::string_view leaf;
  };
  static Name NameOf(std::string_view path);

  absl::Status Corrupt(std::string_view path, std::string_view what) const;
  NameKey KeyOf(uint32_t parent, std::string_view component);
  uint32_t Child(uint32_t parent, std::string_view component);
  // Makes the nodes that are missing. For an entry (`fill`), what lies above is marked, and must be folders in this
  // layer.
  absl::StatusOr<uint32_t> Walk(std::string_view path, bool fill);
  absl::StatusOr<uint32_t> FolderNode(std::string_view path, bool fill);
  absl::Status AddEntry(const Entry& entry, uint32_t number, bool in_tree);
  absl::Status Resolve(Request request);
  bool RemovedHere(uint32_t node) const;
  static uint64_t EntryKey(LayerNumber layer, uint32_t number) { return uint64_t{layer} << 32 | number; }

  const std::string name_;
  Sha256 sha_;
  std::deque<Node> nodes_;  // the first is the root
  absl::flat_hash_map<NameKey, uint32_t> names_;
  std::vector<bool> needed_;
  std::vector<std::string> warnings_;

  LayerNumber layer_ = 0;
  uint32_t number_ = 0;
  // The folder walked to last, and the highest layer that empties it or one above it.
  std::string last_folder_;
  uint32_t last_folder_node_ = 0;
  LayerNumber last_folder_emptied_ = 0;
  bool has_last_folder_ = false;
  // What FolderNode found beside the node.
  LayerNumber emptied_above_ = 0;

  std::vector<Link> links_;  // of the present layer
  absl::flat_hash_map<uint32_t, size_t> link_at_;
  std::vector<Request> requests_;
  // Links whose target is to be said anew; empty: left out, since the content itself is given out there.
  absl::flat_hash_map<uint64_t, std::string> targets_;
  // Hidden entries that are given out under a link's name.
  absl::flat_hash_map<uint64_t, std::string> promoted_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_OCI_LAYER_PLAN_H_
