// Every rule of layers, on images made by hand: the lowest layer comes first here.
#include "distros/oci/layer_plan.h"

#include "distros/host/error.h"
#include "distros/host/test_folder.h"
#include "distros/oci/test_image.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<Tree> Apply(const std::vector<std::vector<TestMember>>& layers) {
  const TestFolder folder;
  std::vector<std::string> tars;
  for (const auto& members : layers) tars.push_back(Layer(members));
  ImageOf(tars).WriteFolder(folder / "image");
  return ReadImage(folder / "image");
}

Tree Applied(const std::vector<std::vector<TestMember>>& layers) {
  const absl::StatusOr<Tree> tree = Apply(layers);
  EXPECT_TRUE(tree.ok()) << tree.status();
  return tree.ok() ? *tree : Tree();
}

std::string ReasonAndText(const std::vector<std::vector<TestMember>>& layers) {
  const absl::Status status = Apply(layers).status();
  return ReasonOf(status) + ": " + std::string(status.message());
}

TEST(Layers, ALayerAddsToTheOneBelowAndReplacesItsFiles) {
  EXPECT_EQ(Applied({{Dir("d"), Plain("d/a", "1"), Plain("d/b", "1")}, {Plain("d/b", "2"), Plain("d/c", "2")}}),
            (Tree{{"d", "dir 755"}, {"d/a", "1"}, {"d/b", "2"}, {"d/c", "2"}}));
}

TEST(Layers, TheHighestFolderGivesTheAttributes) {
  EXPECT_EQ(Applied({{Dir("d", 0700), Plain("d/a", "1")}, {Dir("d", 0711)}, {Dir("d", 0750)}, {Plain("d/b", "4")}}),
            (Tree{{"d", "dir 750"}, {"d/a", "1"}, {"d/b", "4"}}));
  EXPECT_EQ(Applied({{Dir(".", 0700)}, {Dir(".", 0755), Plain("a", "1")}}), (Tree{{"", "dir 755"}, {"a", "1"}}));
}

TEST(Layers, ARemovalTakesAFileOrAWholeFolder) {
  EXPECT_EQ(Applied({{Plain("a", "1"), Dir("d"), Dir("d/e"), Plain("d/e/f", "1"), Plain("keep", "1")},
                     {Plain(".wh.a", ""), Plain(".wh.d", "")}}),
            (Tree{{"keep", "1"}}));
  EXPECT_EQ(Applied({{Dir("d"), Plain("d/x", "1"), Plain("d/y", "1")}, {Plain("d/.wh.x", "")}}),
            (Tree{{"d", "dir 755"}, {"d/y", "1"}}));
}

TEST(Layers, ARemovalActsOnLowerLayersOnlyWhereverItComes) {
  const Tree expected = {{"d", "dir 755"}, {"d/new", "2"}};
  EXPECT_EQ(Applied({{Dir("d"), Plain("d/old", "1")}, {Plain(".wh.d", ""), Dir("d"), Plain("d/new", "2")}}), expected);
  EXPECT_EQ(Applied({{Dir("d"), Plain("d/old", "1")}, {Dir("d"), Plain("d/new", "2"), Plain(".wh.d", "")}}), expected);
  EXPECT_EQ(Applied({{Plain("a", "1")}, {Plain("a", "2"), Plain(".wh.a", "")}}), (Tree{{"a", "2"}}));
}

TEST(Layers, WhatWasRemovedMayComeBack) {
  EXPECT_EQ(Applied({{Plain("a", "1")}, {Plain(".wh.a", "")}, {Plain("a", "3")}}), (Tree{{"a", "3"}}));
  EXPECT_EQ(Applied({{Dir("d"), Plain("d/a", "1")}, {Plain(".wh.d", "")}, {Dir("d", 0711), Plain("d/b", "3")}}),
            (Tree{{"d", "dir 711"}, {"d/b", "3"}}));
}

TEST(Layers, ARemovalOfWhatIsNotThereIsNothing) {
  EXPECT_EQ(Applied({{Plain("a", "1")}, {Plain(".wh.b", ""), Plain("x/y/.wh.z", "")}}), (Tree{{"a", "1"}}));
  EXPECT_EQ(Applied({{Plain(".wh.a", ""), Plain("a", "1"), Plain(".wh..wh..opq", "")}}), (Tree{{"a", "1"}}));
}

TEST(Layers, AnOpaqueFolderHidesWhatLowerLayersHaveInIt) {
  const Tree expected = {{"d", "dir 711"}, {"d/e", "dir 755"}, {"d/e/new", "2"}, {"d/new", "2"}, {"other", "1"}};
  const std::vector<TestMember> lower = {Dir("d"), Plain("d/old", "1"), Dir("d/e"), Plain("d/e/f", "1"),
                                         Plain("other", "1")};
  EXPECT_EQ(
      Applied({lower,
               {Dir("d", 0711), Plain("d/.wh..wh..opq", ""), Dir("d/e"), Plain("d/e/new", "2"), Plain("d/new", "2")}}),
      expected);
  // Also when it comes after the entries of its own layer.
  EXPECT_EQ(
      Applied({lower,
               {Dir("d", 0711), Dir("d/e"), Plain("d/e/new", "2"), Plain("d/new", "2"), Plain("d/.wh..wh..opq", "")}}),
      expected);
  // The folder's own attributes stay when the layer does not have it.
  EXPECT_EQ(Applied({{Dir("d", 0700), Plain("d/old", "1")}, {Plain("d/.wh..wh..opq", "")}}), (Tree{{"d", "dir 700"}}));
  EXPECT_EQ(Applied({{Plain("a", "1"), Dir("d")}, {Plain(".wh..wh..opq", ""), Plain("b", "2")}}), (Tree{{"b", "2"}}));
}

TEST(Layers, TypesChange) {
  EXPECT_EQ(Applied({{Plain("a", "1")}, {Dir("a"), Plain("a/b", "2")}}), (Tree{{"a", "dir 755"}, {"a/b", "2"}}));
  EXPECT_EQ(Applied({{Dir("a"), Plain("a/b", "1")}, {Plain("a", "2")}}), (Tree{{"a", "2"}}));
  EXPECT_EQ(Applied({{Dir("a"), Plain("a/b", "1")}, {Soft("a", "elsewhere")}}), (Tree{{"a", "-> elsewhere"}}));
  EXPECT_EQ(Applied({{Soft("a", "elsewhere")}, {Dir("a", 0700)}}), (Tree{{"a", "dir 700"}}));
  // A folder, a file, a folder: what the first had does not come back.
  EXPECT_EQ(Applied({{Dir("a"), Plain("a/old", "1")}, {Plain("a", "2")}, {Dir("a", 0711), Plain("a/new", "3")}}),
            (Tree{{"a", "dir 711"}, {"a/new", "3"}}));
  EXPECT_EQ(Applied({{Dir("a", 0700), Plain("a/old", "1")}, {Plain("a", "2")}, {Plain("a/new", "3")}}),
            (Tree{{"a/new", "3"}}));
}

TEST(Layers, AFileGivesWayToAFolderThatOnlyALongerPathSpeaksOf) {
  const TestFolder folder;
  ImageOf({Layer({Soft("lib", "usr/lib"), Plain("x", "1")}), Layer({Plain("lib/new", "2")})})
      .WriteFolder(folder / "image");
  absl::StatusOr<OciImage> image = OpenOciSource(folder / "image", {});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(*ReadTree(*image->source), (Tree{{"lib/new", "2"}, {"x", "1"}}));
  EXPECT_THAT(image->source->warnings(), ElementsAre(HasSubstr("lib: it gave way to a folder")));
}

// As engines unpack a layer, which they see by itself.
TEST(Layers, ALinkOfTheSameLayerIsFollowedWithinTheTree) {
  EXPECT_EQ(Applied({{Soft("lib", "usr/lib"), Plain("lib/x", "1")}, {Plain("usr/lib/y", "2")}}),
            (Tree{{"lib", "-> usr/lib"}, {"usr/lib/x", "1"}, {"usr/lib/y", "2"}}));
  EXPECT_EQ(Applied({{Soft("a", "/etc"), Plain("a/passwd", "1")}}), (Tree{{"a", "-> /etc"}, {"etc/passwd", "1"}}));
  EXPECT_EQ(Applied({{Plain("usr/lib/x", "1")}, {Soft("lib", "usr/lib"), Plain("lib/.wh.x", ""), Plain("lib/y", "2")}}),
            (Tree{{"lib", "-> usr/lib"}, {"usr/lib/y", "2"}}));
}

TEST(Layers, OfSeveralEntriesOfOneNameTheLastCounts) {
  EXPECT_EQ(Applied({{Plain("a", "1"), Plain("a", "2")}}), (Tree{{"a", "2"}}));
  EXPECT_EQ(Applied({{Plain("a", "1"), Dir("a"), Plain("a/b", "2")}}), (Tree{{"a", "dir 755"}, {"a/b", "2"}}));
}

TEST(Layers, HardLinksWithinALayer) {
  EXPECT_EQ(Applied({{Plain("a", "1"), Hard("b", "a")}}), (Tree{{"a", "1"}, {"b", "= a"}}));
  EXPECT_EQ(Applied({{Hard("b", "a"), Plain("a", "1")}}), (Tree{{"a", "1"}, {"b", "= a"}}));
  EXPECT_EQ(Applied({{Plain("a", "1"), Hard("b", "a"), Hard("c", "b")}}),
            (Tree{{"a", "1"}, {"b", "= a"}, {"c", "= a"}}));
}

TEST(Layers, HardLinksToLowerLayers) {
  EXPECT_EQ(Applied({{Plain("a", "1")}, {Plain("x", "2")}, {Hard("b", "a")}}),
            (Tree{{"a", "1"}, {"b", "= a"}, {"x", "2"}}));
  EXPECT_EQ(Applied({{Plain("a", "1"), Hard("b", "a")}, {Hard("c", "b")}}),
            (Tree{{"a", "1"}, {"b", "= a"}, {"c", "= a"}}));
  // The one that the link's own layer sees: the second layer's, though the first has one, too.
  EXPECT_EQ(Applied({{Plain("a", "1")}, {Plain("a", "2")}, {Hard("b", "a")}, {Plain("a", "4")}}),
            (Tree{{"a", "4"}, {"b", "2"}}));
}

TEST(Layers, AHardLinkKeepsWhatItsTargetWasWhenThatIsReplacedOrRemoved) {
  const std::vector<TestMember> lower = {Plain("a", "1"), Hard("b", "a"), Hard("c", "a")};
  EXPECT_EQ(Applied({lower, {Plain("a", "2")}}), (Tree{{"a", "2"}, {"b", "1"}, {"c", "= b"}}));
  EXPECT_EQ(Applied({lower, {Plain(".wh.a", "")}}), (Tree{{"b", "1"}, {"c", "= b"}}));
  EXPECT_EQ(Applied({lower, {Plain(".wh.b", "")}}), (Tree{{"a", "1"}, {"c", "= a"}}));
  EXPECT_EQ(Applied({lower, {Plain(".wh.a", ""), Plain(".wh.b", "")}}), (Tree{{"c", "1"}}));
  // In a chain, too.
  EXPECT_EQ(Applied({{Plain("a", "1"), Hard("b", "a"), Hard("c", "b")}, {Plain("b", "2")}}),
            (Tree{{"a", "1"}, {"b", "2"}, {"c", "= a"}}));
  EXPECT_EQ(Applied({{Plain("a", "1")}, {Hard("b", "a"), Plain(".wh.x", "")}, {Plain(".wh.a", "")}}),
            (Tree{{"b", "1"}}));
}

TEST(Layers, AufsKeepsItsHardLinksAside) {
  EXPECT_EQ(Applied({{Dir(".wh..wh.plnk"), Plain(".wh..wh.plnk/12.34", "1"), Plain(".wh..wh.aufs", ""),
                      Hard("a", ".wh..wh.plnk/12.34"), Hard("b", ".wh..wh.plnk/12.34")}}),
            (Tree{{"a", "1"}, {"b", "= a"}}));
}

TEST(Layers, HardLinksToNothingAndInCirclesAreRefused) {
  EXPECT_THAT(ReasonAndText({{Hard("a", "missing")}}), HasSubstr("CORRUPT_SOURCE: "));
  EXPECT_THAT(ReasonAndText({{Hard("a", "missing")}}), HasSubstr("'a' is a hard link to nothing"));
  EXPECT_THAT(ReasonAndText({{Hard("a", "a")}}), HasSubstr("leads back to itself"));
  EXPECT_THAT(ReasonAndText({{Hard("a", "b"), Hard("b", "c"), Hard("c", "a")}}), HasSubstr("leads back to itself"));
  EXPECT_THAT(ReasonAndText({{Plain("x", "1")}, {Hard("a", "b")}, {Hard("b", "a")}}), HasSubstr("CORRUPT_SOURCE"));
  EXPECT_THAT(ReasonAndText({{Dir("d")}, {Hard("a", "d")}}), HasSubstr("hard link to a folder"));
  EXPECT_THAT(ReasonAndText({{Plain("d/e", "1")}, {Hard("a", "d")}}), HasSubstr("hard link to a folder"));
  EXPECT_THAT(ReasonAndText({{Plain("a", "1")}, {Plain(".wh.a", ""), Hard("b", "a")}}), HasSubstr("removed"));
  EXPECT_THAT(ReasonAndText({{Plain("d/a", "1")}, {Plain(".wh.d", "")}, {Hard("b", "d/a")}}), HasSubstr("removed"));
  EXPECT_THAT(ReasonAndText({{Plain("a", "1")}, {Hard("b", "../a")}}), HasSubstr("CORRUPT_SOURCE"));
}

TEST(Layers, WhatCannotBeIsRefused) {
  for (const char* name : {".wh.", "d/.wh.", ".wh..", ".wh...", "d/.wh...", ".wh.d/a", "a/.wh.b/c", "../.wh.x",
                           ".wh.x/../../y", "../x", "d/../../x"}) {
    EXPECT_THAT(ReasonAndText({{Plain("keep", "1")}, {Plain(name, "")}}), HasSubstr("CORRUPT_SOURCE")) << name;
  }
  EXPECT_THAT(ReasonAndText({{Plain("a", "1"), Plain("a/b", "1")}}), HasSubstr("below something that is no folder"));
  EXPECT_THAT(ReasonAndText({{Dir("a"), Plain("a/b", "1"), Plain("a", "1")}}),
              HasSubstr("something else in one layer"));
}

TEST(Layers, ALongChainOfHardLinksTakesNoLongTime) {
  std::vector<TestMember> members = {Plain("n0", "1")};
  for (int i = 1; i < 20000; ++i) members.push_back(Hard("n" + std::to_string(i), "n" + std::to_string(i - 1)));
  const Tree tree = Applied({members});
  EXPECT_EQ(tree.size(), 20000u);
  EXPECT_EQ(tree.at("n19999"), "= n0");
}

// The same rules once more, simply: layers are applied to a tree in memory, the lowest first. Files have unique
// contents.
class Model {
 public:
  void Apply(const std::vector<TestFile>& layer) {
    for (const TestFile& file : layer) Remove(file.entry.path);
    std::map<std::string, const TestFile*> last;
    for (const TestFile& file : layer) {
      const std::string& path = file.entry.path;
      if (path.find(".wh.") != std::string::npos) continue;
      for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
        std::string& above = tree_.try_emplace(path.substr(0, slash), "unsaid").first->second;
        if (above.substr(0, 3) != "dir") above = "unsaid";
      }
      if (file.entry.type != FileType::kDirectory) Take(path);
      last[path] = &file;
    }
    bool waiting = true;
    for (const auto& [path, file] : last) {
      if (!file->entry.is_hard_link()) tree_[path] = file->entry.symlink_target;
    }
    for (size_t round = 0; waiting && round <= last.size(); ++round) {
      waiting = false;
      for (const auto& [path, file] : last) {
        if (!file->entry.is_hard_link()) continue;
        const auto target = tree_.find(file->entry.hard_link_to);
        // A link to a folder is refused unless a higher layer hides it.
        const bool file_there = target != tree_.end() && target->second[0] >= '0' && target->second[0] <= '9';
        if (file_there) tree_[path] = std::string(target->second);
        waiting = waiting || target == tree_.end();
      }
    }
  }
  Tree Said() const {
    Tree said;
    for (const auto& [path, text] : tree_) {
      if (text != "unsaid") said.emplace(path, text);
    }
    return said;
  }

 private:
  void Empty(const std::string& folder) {
    std::erase_if(tree_, [&](const auto& one) { return one.first.starts_with(folder + "/"); });
  }
  void Take(const std::string& path) {
    tree_.erase(path);
    Empty(path);
  }
  void Remove(const std::string& path) {
    const size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
    const std::string leaf = path.substr(folder.size());
    if (leaf == ".wh..wh..opq") {
      folder.empty() ? tree_.clear() : Empty(folder.substr(0, folder.size() - 1));
    } else if (leaf.starts_with(".wh.")) {
      Take(folder + leaf.substr(4));
    }
  }

  Tree tree_;
};

// What the plan makes of the layers; a file's content is its symlink_target here.
absl::StatusOr<Tree> Planned(std::vector<std::vector<TestFile>>& layers) {
  LayerPlan plan(layers.size(), "x");
  for (size_t layer = layers.size(); layer-- > 0;) {
    plan.BeginLayer(layer);
    for (const TestFile& file : layers[layer]) {
      if (absl::Status status = plan.Add(file.entry); !status.ok()) return status;
    }
    if (absl::Status status = plan.EndLayer(); !status.ok()) return status;
  }
  if (absl::Status status = plan.Finish(); !status.ok()) return status;
  Tree tree;
  Tree links;
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    for (uint32_t number = 0; number < layers[layer].size(); ++number) {
      Entry entry = layers[layer][number].entry;
      if (!plan.Take(layer, number, entry)) continue;
      EXPECT_TRUE(plan.Needed(layer));
      Tree& to = entry.is_hard_link() ? links : tree;
      EXPECT_TRUE(to.emplace(entry.path, entry.is_hard_link() ? entry.hard_link_to : entry.symlink_target).second);
    }
  }
  std::map<std::string, int> contents;
  for (const auto& [path, text] : tree) {
    EXPECT_TRUE(text.starts_with("dir") || ++contents[text] == 1) << path << " should be a hard link";
  }
  for (const auto& [path, target] : links) {
    EXPECT_EQ(tree.count(target), 1u) << path << " leads to " << target;
    EXPECT_TRUE(tree.emplace(path, std::string(tree[target])).second);
  }
  return tree;
}

TEST(Layers, AreAppliedAsOneAfterTheOther) {
  const char* const names[] = {"a",       "a/b",   "a/b/c",          "d",   "d/b",   "e",
                               "a/.wh.b", ".wh.a", "a/.wh..wh..opq", "e/f", ".wh.d", ".wh..wh..opq"};
  uint32_t state = 7;
  const auto random = [&](uint32_t below) { return ((state = state * 1664525 + 1013904223) >> 8) % below; };
  int good = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::vector<std::vector<TestFile>> layers(1 + random(5));
    int content = 0;
    for (auto& layer : layers) {
      for (uint32_t j = random(6); j > 0; --j) {
        Entry entry{.path = names[random(std::size(names))]};
        const uint32_t kind = random(5);
        entry.symlink_target = std::to_string(++content);
        if (kind < 2) {
          entry.type = FileType::kDirectory;
          entry.symlink_target = "dir" + entry.symlink_target;
        }
        if (kind == 2) entry.hard_link_to = names[random(6)];
        layer.push_back({entry, {}});
      }
    }
    const absl::StatusOr<Tree> planned = Planned(layers);
    if (!planned.ok()) continue;
    ++good;
    Model model;
    for (const auto& layer : layers) model.Apply(layer);
    if (*planned == model.Said()) continue;
    std::string text;
    for (const auto& layer : layers) {
      text += "layer\n";
      for (const TestFile& file : layer) {
        text += "  " + file.entry.path + " " + file.entry.symlink_target + " = " + file.entry.hard_link_to + "\n";
      }
    }
    FAIL() << text << testing::PrintToString(*planned) << "\nand not\n" << testing::PrintToString(model.Said());
  }
  EXPECT_GT(good, 10'000);
}

}  // namespace
}  // namespace wslm
