#include "distros/tree/digest.h"

#include <algorithm>
#include <functional>
#include <set>

#include "distros/host/error.h"
#include "distros/tree/test_tree.h"
#include "distros/tree/transfer.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

TreeDigest DigestOfFiles(std::vector<TestFile> files) {
  TestSource source(std::move(files));
  absl::StatusOr<TreeDigest> digest = DigestOf(source, {});
  EXPECT_TRUE(digest.ok()) << digest.status();
  return digest.ok() ? *digest : TreeDigest();
}

absl::Status FailureOf(std::vector<TestFile> files) {
  TestSource source(std::move(files));
  return DigestOf(source, {}).status();
}

TEST(Digest, DoesNotDependOnTheOrder) {
  std::vector<TestFile> files = {Folder(""),       Folder("a"),          File("a/x", "1"),
                                 File("a/y", "2"), HardLink("b", "a/x"), Symlink("c", "a")};
  const TreeDigest digest = DigestOfFiles(files);
  EXPECT_EQ(digest.entries, 6);
  EXPECT_EQ(digest.bytes, 2);
  std::sort(files.begin(), files.end(),
            [](const TestFile& a, const TestFile& b) { return a.entry.path > b.entry.path; });
  EXPECT_EQ(DigestOfFiles(files), digest);
}

TEST(Digest, AnyNameOfAHardLinkGroupMayBeTheFullOne) {
  const TreeDigest digest = DigestOfFiles({File("a", "1"), HardLink("b", "a"), HardLink("c", "b")});
  EXPECT_EQ(DigestOfFiles({HardLink("a", "b"), HardLink("b", "c"), File("c", "1")}), digest);
  EXPECT_NE(DigestOfFiles({File("a", "1"), File("b", "1"), HardLink("c", "b")}), digest);
  EXPECT_NE(DigestOfFiles({File("a", "1"), File("b", "1"), File("c", "1")}), digest);
  EXPECT_EQ(digest.bytes, 1);
}

TEST(Digest, WhichNamesAreLinkedTogetherCounts) {
  EXPECT_NE(DigestOfFiles({File("a", ""), File("b", ""), HardLink("c", "a"), HardLink("d", "b")}),
            DigestOfFiles({File("a", ""), File("b", ""), HardLink("d", "a"), HardLink("c", "b")}));
}

TEST(Digest, EveryAttributeCounts) {
  const TestFile plain = File("a", "content");
  std::set<std::string> digests = {DigestOfFiles({plain}).ToString()};
  const std::vector<std::function<void(TestFile&)>> changes = {[](TestFile& f) { f.entry.path = "b"; },
                                                               [](TestFile& f) { f.entry.type = FileType::kFifo; },
                                                               [](TestFile& f) { f.entry.mode |= 04000; },
                                                               [](TestFile& f) { f.entry.uid = 1; },
                                                               [](TestFile& f) { f.entry.gid = 1; },
                                                               [](TestFile& f) { f.entry.mtime.seconds = 1; },
                                                               [](TestFile& f) { f.entry.mtime.nanoseconds = 1; },
                                                               [](TestFile& f) { f.entry.xattrs["user.a"] = ""; },
                                                               [](TestFile& f) { f.entry.xattrs["user.a"] = "x"; },
                                                               [](TestFile& f) { f.entry.size = 8; },
                                                               [](TestFile& f) { f.blocks[0].second[0] = 'C'; }};
  for (const auto& change : changes) {
    TestFile changed = plain;
    change(changed);
    EXPECT_TRUE(digests.insert(DigestOfFiles({changed}).ToString()).second);
  }
  const TestFile device{{.path = "a", .type = FileType::kCharDevice, .mode = 0644, .rdev_major = 1, .rdev_minor = 3},
                        {}};
  TestFile other = device;
  other.entry.rdev_minor = 5;
  EXPECT_NE(DigestOfFiles({device}), DigestOfFiles({other}));
  EXPECT_NE(DigestOfFiles({Symlink("a", "x")}), DigestOfFiles({Symlink("a", "y")}));
}

TEST(Digest, OtherTimesAndASymlinksModeDoNotCount) {
  TestFile file = Symlink("a", "x");
  const TreeDigest digest = DigestOfFiles({file});
  file.entry.mode = 0755;
  file.entry.atime = file.entry.ctime = file.entry.birth = Timestamp{5, 5};
  EXPECT_EQ(DigestOfFiles({file}), digest);
}

TEST(Digest, AFolderNeverSeenIsRoots0755OfTheEpoch) {
  EXPECT_EQ(DigestOfFiles({File("a/b/c", "x")}),
            DigestOfFiles({Folder(""), Folder("a"), Folder("a/b"), File("a/b/c", "x")}));
  EXPECT_NE(DigestOfFiles({File("a/b/c", "x")}), DigestOfFiles({Folder("a", 0700), File("a/b/c", "x")}));
}

TEST(Digest, APathThatComesTwiceCountsAsTheLast) {
  EXPECT_EQ(DigestOfFiles({File("a", "1"), File("a", "2")}), DigestOfFiles({File("a", "2")}));
  EXPECT_EQ(DigestOfFiles({Folder("d", 0700), File("d/x", ""), Folder("d", 0711)}),
            DigestOfFiles({Folder("d", 0711), File("d/x", "")}));
  // The other name keeps what was replaced.
  EXPECT_EQ(DigestOfFiles({File("a", "1"), HardLink("b", "a"), File("a", "2")}),
            DigestOfFiles({File("b", "1"), File("a", "2")}));
  EXPECT_EQ(DigestOfFiles({File("a", "1"), File("b", "2"), HardLink("a", "b")}),
            DigestOfFiles({File("b", "2"), HardLink("a", "b")}));
}

TEST(Digest, WhatReplacesAFolderTakesAwayWhatWasInIt) {
  EXPECT_EQ(DigestOfFiles({File("d/x", "1"), File("d/e/y", "1"), File("d", "2")}), DigestOfFiles({File("d", "2")}));
  EXPECT_EQ(DigestOfFiles({File("d/x", "1"), File("d", "2"), Folder("d"), File("d/z", "")}),
            DigestOfFiles({Folder("d"), File("d/z", "")}));
  EXPECT_EQ(DigestOfFiles({File("d/e/x", "1"), Symlink("d", "x"), Folder("d"), File("d/e/x", "2")}),
            DigestOfFiles({File("d/e/x", "2")}));
}

TEST(Digest, RefusesTreesThatCannotBe) {
  EXPECT_EQ(ReasonOf(FailureOf({File("a", ""), File("a/b", "")})), reason::kCorruptSource);
  EXPECT_EQ(ReasonOf(FailureOf({Symlink("a", "/etc"), File("a/passwd", "")})), reason::kCorruptSource);
  EXPECT_EQ(ReasonOf(FailureOf({File("", "")})), reason::kCorruptSource);
  EXPECT_EQ(ReasonOf(FailureOf({File("a", ""), HardLink("b", "missing")})), reason::kCorruptSource);
  EXPECT_EQ(ReasonOf(FailureOf({Folder("d"), HardLink("b", "d")})), reason::kCorruptSource);
  EXPECT_EQ(ReasonOf(FailureOf({File("a", ""), HardLink("a", "a")})), reason::kCorruptSource);
  EXPECT_EQ(ReasonOf(FailureOf({HardLink("a", "b"), HardLink("b", "a")})), reason::kCorruptSource);
}

TEST(Digest, IsShownAsCountsAndHex) {
  TreeDigest digest;
  digest.sum[0] = 0xAB;
  digest.entries = 3;
  digest.bytes = 4;
  EXPECT_EQ(digest.ToString(), "3:4:ab" + std::string(62, '0'));
}

}  // namespace
}  // namespace wslm
