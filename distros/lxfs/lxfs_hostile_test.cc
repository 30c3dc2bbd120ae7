#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "distros/lxfs/lxfs_test_base.h"
#include "gmock/gmock.h"

namespace wslm {
namespace {

class HostileEntries : public LxfsTest {
 protected:
  void ExpectCorrupt(const std::vector<TestEntry>& tree) {
    std::filesystem::remove_all(folder_ / "rootfs");
    std::filesystem::remove(folder_ / "metadata.db");
    const absl::Status status = StatusOf(tree);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(ReasonOf(status), reason::kCorruptSource) << status;
  }

  TestFolder outside_;
};

TEST_F(HostileEntries, ALinkInTheParentsLeadsToAPlaceInsideTheRoot) {
  ASSERT_EQ(mkdir((outside_ / "etc").c_str(), 0755), 0);
  Write({Folder(""), Symlink("absolute", outside_.path() + "/etc"), File("absolute/passwd", "1"),
         Symlink("up", "../../../../../../../../../.." + outside_.path()), File("up/file", "2"), Symlink("a", "/etc"),
         File("a/hosts", "3")});
  EXPECT_TRUE(std::filesystem::is_empty(outside_ / "etc"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(outside_.path()), {}), 1);
  const auto read = Read();
  EXPECT_TRUE(read.contains(outside_.path().substr(1) + "/etc/passwd"));
  EXPECT_TRUE(read.contains(outside_.path().substr(1) + "/file"));
  EXPECT_TRUE(read.contains("etc/hosts"));
}

TEST_F(HostileEntries, AMergedUsrIsWrittenThroughItsLinks) {
  Write({Folder(""), Symlink("lib", "usr/lib"), File("lib/early", "1"), Folder("usr/lib", 0750),
         Symlink("bin", "./usr//bin/"), File("bin/sh", "2"), Symlink("usr/lib/x86", "../lib64/./.."),
         File("lib/x86/later", "3"), HardLink("linked", "lib/early")});
  const auto read = Read();
  EXPECT_TRUE(read.contains("usr/lib/early"));
  EXPECT_TRUE(read.contains("usr/bin/sh"));
  EXPECT_TRUE(read.contains("usr/later"));
  EXPECT_THAT(read.at("usr/lib"), testing::StartsWith("1 750 "));
  EXPECT_THAT(read.at("linked"), testing::StartsWith("= linked "));
  EXPECT_TRUE(S_ISLNK(HostStat("lib").st_mode));
}

TEST_F(HostileEntries, AFolderTakesThePlaceOfALinkInsteadOfGoingThroughIt) {
  Write({Folder(""), Folder("target", 0700), Symlink("x", "target"), Folder("x", 0755), File("x/file", "1")});
  EXPECT_EQ(Read(), Describe({Folder(""), Folder("target", 0700), Folder("x", 0755), File("x/file", "1")}));
}

TEST_F(HostileEntries, AFileTakesThePlaceOfALinkInsteadOfGoingThroughIt) {
  std::ofstream(outside_ / "victim") << "safe";
  Write({Folder(""), Symlink("x", outside_ / "victim"), File("x", "attack", 0777)});
  std::string content;
  std::ifstream(outside_ / "victim") >> content;
  EXPECT_EQ(content, "safe");
}

TEST_F(HostileEntries, AHardLinkToALinkIsAnotherNameOfTheLink) {
  std::ofstream(outside_ / "victim") << "safe";
  Write({Folder(""), Symlink("x", outside_ / "victim"), HardLink("y", "x")});
  EXPECT_TRUE(S_ISLNK(HostStat("y").st_mode));
}

TEST_F(HostileEntries, PathsThatNoSourceMayGiveAreRefused) {
  for (const char* path : {"..", "../x", "a/../../x", "a/..", "/etc/passwd", "a//b", "./a", "a/", "."}) {
    SCOPED_TRACE(path);
    ExpectCorrupt({Folder(""), File(path, "x")});
    ExpectCorrupt({Folder(""), Folder(path)});
  }
  ExpectCorrupt({Folder(""), File(std::string("a\0b", 3), "x")});
  ExpectCorrupt({Folder(""), File(std::string(256, 'a'), "x")});
  ExpectCorrupt({Folder(""), File(std::string(256, 'a') + "/x", "x")});
}

TEST_F(HostileEntries, WhatCanNotBeIsRefused) {
  ExpectCorrupt({Folder(""), File("a", "x"), File("a/b", "x")});
  ExpectCorrupt({Folder(""), Symlink("a", "b"), Symlink("b", "a"), File("a/x", "x")});
  ExpectCorrupt({Folder(""), Symlink("a", "a/a"), File("a/x", "x")});
  ExpectCorrupt({Folder(""), Symlink("a", "")});
  ExpectCorrupt({File("", "x")});
  ExpectCorrupt({Folder(""), Folder("a"), HardLink("b", "a")});
}

TEST_F(HostileEntries, AHardLinkWhoseTargetNeverComesIsRefused) {
  ExpectCorrupt({Folder(""), HardLink("a", "missing")});
  ExpectCorrupt({Folder(""), HardLink("a", "missing/too")});
  ExpectCorrupt({Folder(""), HardLink("a", "a")});
  ExpectCorrupt({Folder(""), HardLink("a", "b"), HardLink("b", "c"), HardLink("c", "b")});
  ExpectCorrupt({Folder(""), File("a/x", "1"), HardLink("a", "a/x")});
  ExpectCorrupt({Folder(""), HardLink("a", "../x")});
}

TEST_F(HostileEntries, AChainOfHardLinksMayComeInAnyOrder) {
  std::vector<TestEntry> tree = {Folder("")};
  for (int i = 0; i < 1000; ++i) tree.push_back(HardLink("l" + std::to_string(i), "l" + std::to_string(i + 1)));
  tree.push_back(HardLink("replaced", "l5"));
  tree.push_back(File("replaced", "own"));
  tree.push_back(File("l1000", "content"));
  Write(tree);
  EXPECT_EQ(HostStat("l0").st_nlink, 1001u);
  EXPECT_EQ(HostStat("replaced").st_nlink, 1u);
}

TEST_F(HostileEntries, ContentOutsideItsSizeIsRefused) {
  TestEntry file = File("a", "0123456789");
  file.entry.size = 5;
  ExpectCorrupt({Folder(""), file});
  TestEntry far = File("a", "");
  far.entry.size = 5;
  far.content[INT64_MAX - 1] = "overflow";
  ExpectCorrupt({Folder(""), far});
}

TEST_F(HostileEntries, OurOwnAttributesFromOutsideAreDroppedAndSaid) {
  TestEntry file = File("a", "x", 0644);
  file.entry.xattrs = {{"user.lxfs", "forged"},    {"user.lxfs.security.capability", "forged"},
                       {"user.lxfsomething", "x"}, {"user.fine", "kept"},
                       {"system.other", "x"},      {"com.apple.quarantine", "x"}};
  TestEntry link = Symlink("link", "a");
  link.entry.xattrs = {{"security.selinux", "label"}, {"user.lxfs", "forged"}};
  Write({Folder(""), file, link});
  EXPECT_EQ(losses_.size(), 6u) << testing::PrintToString(losses_);
  TestEntry expected = File("a", "x", 0644);
  expected.entry.xattrs = {{"user.fine", "kept"}};
  link.entry.xattrs.erase("user.lxfs");
  EXPECT_EQ(Read(), Describe({Folder(""), expected, link}));
  EXPECT_EQ(getxattr(Host("a").c_str(), "user.lxfs", nullptr, 0), -1);
}

TEST_F(HostileEntries, AnAttributeTooLargeForLinuxIsALossAndNoFullDisk) {
  TestEntry file = File("a", "x");
  file.entry.xattrs = {{"user.large", std::string(100'000, 'x')}};
  Write({Folder(""), file});
  EXPECT_EQ(losses_.size(), 1u);
}

TEST_F(HostileEntries, OddTimesDoNotBecomeCommands) {
  TestEntry file = File("a", "x");
  file.entry.mtime = {.seconds = 1'000'000'000, .nanoseconds = (1 << 30) - 1};
  Write({Folder(""), file});
  EXPECT_EQ(HostStat("a").st_mtim.tv_sec, 1'000'000'000);
}

TEST_F(HostileEntries, AThreadThatSwapsAFolderForALinkGetsNothingOutside) {
  const std::unique_ptr<Sink> sink = NewSink();
  ASSERT_TRUE(PutInto(*sink, {Folder(""), Folder("d")}).ok());
  std::filesystem::create_symlink(outside_.path(), Host("link"));
  std::atomic<bool> stop = false;
  std::thread racer([&] {
    while (!stop) renameat2(AT_FDCWD, Host("d").c_str(), AT_FDCWD, Host("link").c_str(), RENAME_EXCHANGE);
  });
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "d/" + std::to_string(i % 10) + "/" + std::to_string(i);
    PutInto(*sink, {File(name, "x"), Folder("d", 0700), HardLink("d/link", name)}).IgnoreError();
  }
  stop = true;
  racer.join();
  EXPECT_TRUE(std::filesystem::is_empty(outside_.path()));
}

}  // namespace
}  // namespace wslm
