#include "distros/tree/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "distros/host/error.h"
#include "distros/tree/test_tree.h"

namespace wslm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// "path: attribute=first|second, …" of each, "-path" and "+path" for what is in one only.
std::vector<std::string> Texts(const Comparison& comparison) {
  std::vector<std::string> texts;
  for (const Difference& difference : comparison.differences) {
    std::string text = difference.path;
    if (difference.kind == Difference::Kind::kOnlyInFirst) text = "-" + text;
    if (difference.kind == Difference::Kind::kOnlyInSecond) text = "+" + text;
    for (const auto& attribute : difference.attributes) {
      text += " " + attribute.attribute + "=" + attribute.first + "|" + attribute.second;
    }
    texts.push_back(text);
  }
  return texts;
}

Comparison Compare(std::vector<TestFile> first, std::vector<TestFile> second, size_t most = 1000) {
  TestSource a(std::move(first));
  TestSource b(std::move(second));
  const auto comparison = CompareTrees(a, b, {.most_explained = most});
  EXPECT_TRUE(comparison.ok()) << comparison.status();
  return *comparison;
}

TEST(CompareTest, TheSameInAnotherOrderIsTheSame) {
  const Comparison comparison =
      Compare({Folder(""), Folder("d"), File("d/a", "x"), HardLink("d/b", "d/a"), Symlink("l", "d/a")},
              {Symlink("l", "d/a"), HardLink("d/a", "d/b"), File("d/b", "x"), Folder("d"), Folder("")});
  EXPECT_THAT(Texts(comparison), IsEmpty());
  EXPECT_EQ(comparison.count, 0);
  EXPECT_EQ(comparison.first_entries, 5);
  EXPECT_EQ(comparison.second_entries, 5);
}

TEST(CompareTest, HolesAreZeros) {
  TestFile hole{{.path = "f", .mode = 0644, .size = 100'000}, {{99'999, "x"}}};
  EXPECT_EQ(Compare({hole}, {File("f", std::string(99'999, '\0') + "x")}).count, 0);
}

TEST(CompareTest, TellsEachAttribute) {
  TestFile first = File("f", "one", 0644);
  TestFile second = File("f", "two", 04755);
  second.entry.uid = 1000;
  second.entry.gid = 5;
  second.entry.mtime = {1, 500'000'000};
  first.entry.xattrs["user.a"] = "same";
  second.entry.xattrs["user.a"] = "same";
  first.entry.xattrs["user.b"] = std::string("\x01", 1);
  second.entry.xattrs["user.c"] = "new";
  const Comparison comparison = Compare({first, Symlink("l", "a")}, {second, Symlink("l", "b")});
  EXPECT_THAT(Texts(comparison),
              ElementsAre(testing::StartsWith("f mode=0644|4755 owner=0|1000 group=0|5 mtime=1970-01-01 00:00:00 UTC|"
                                              "1970-01-01 00:00:01.5 UTC xattr user.b=\"\\x01\"| xattr user.c=|\"new\" "
                                              "content=hash "),
                          "l target=a|b"));
}

TEST(CompareTest, OfWhatIsInOneTreeOnlyTheTopIsTold) {
  const Comparison comparison = Compare(
      {Folder("a"), File("a/x", ""), Folder("a.b"), File("a.b/y", ""), File("a/z", ""), Folder("t"), File("t/1", "")},
      {File("n", ""), File("t", "")});
  EXPECT_THAT(Texts(comparison), ElementsAre("-a", "-a.b", "+n", "t type=directory|file mode=0755|0644"));
  EXPECT_EQ(comparison.count, 4);
}

TEST(CompareTest, HardLinksAreTold) {
  EXPECT_THAT(Texts(Compare({File("a", "x"), HardLink("b", "a")}, {File("a", "x"), File("b", "x")})),
              ElementsAre("a hard link=one of 2, the first a|", "b hard link=one of 2, the first a|"));
}

TEST(CompareTest, WhatComesAgainReplaces) {
  const Comparison comparison =
      Compare({Folder("d"), File("d/x", ""), File("d", "now a file")}, {File("d", "now a file")});
  EXPECT_EQ(comparison.count, 0);
}

TEST(CompareTest, ExplainsSoManyAndCountsAll) {
  const Comparison comparison = Compare({File("a", ""), File("b", ""), File("c", "")}, {Folder("")}, 2);
  EXPECT_THAT(Texts(comparison), ElementsAre("-a", "-b"));
  EXPECT_EQ(comparison.count, 3);
}

TEST(CompareTest, WhatCanBeInNoTreeIsAnError) {
  for (const TestFile& bad : {HardLink("b", "never"), HardLink("b", "b"), File("f/x", ""), HardLink("b", "d")}) {
    TestSource first({Folder("d"), File("f", ""), bad});
    TestSource second({Folder("")});
    EXPECT_EQ(ReasonOf(CompareTrees(first, second, {}).status()), reason::kCorruptSource) << bad.entry.path;
  }
}

TEST(CompareTest, CanBeCancelled) {
  TestSource first({Folder("")});
  TestSource second({Folder("")});
  const CancelFlag cancel = true;
  CompareOptions options;
  options.first.cancel = &cancel;
  EXPECT_EQ(ReasonOf(CompareTrees(first, second, options).status()), reason::kCancelled);
}

}  // namespace
}  // namespace wslm
