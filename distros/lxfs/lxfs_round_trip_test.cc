#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/xattr.h>

#include <filesystem>
#include <fstream>

#include "distros/lxfs/attributes.h"
#include "distros/lxfs/lxfs_test_base.h"
#include "distros/lxfs/side_store.h"
#include "distros/tree/digest.h"
#include "distros/tree/transfer.h"

namespace wslm {
namespace {

class LxfsRoundTrip : public LxfsTest, public testing::WithParamInterface<bool> {
 protected:
  void Run(const std::function<void()>& body) { RunAs(GetParam(), body); }
};

INSTANTIATE_TEST_SUITE_P(, LxfsRoundTrip, testing::Bool(),
                         [](const auto& user) { return user.param ? "OfAnOrdinaryUser" : "OfTheTestsUser"; });

TEST_P(LxfsRoundTrip, WhatWasWrittenIsReadAgain) {
  Run([this] {
    const std::vector<TestEntry> tree = Everything();
    Write(tree);
    EXPECT_EQ(losses_, std::vector<std::string>());
    const auto written = Describe(tree);
    const auto read = Read();
    for (const auto& [path, line] : written) {
      const auto found = read.find(path);
      ASSERT_NE(found, read.end()) << Escaped(path);
      EXPECT_EQ(found->second, line) << Escaped(path);
    }
    EXPECT_EQ(read.size(), written.size());
    EXPECT_EQ(warnings_, std::vector<std::string>());
  });
}

TEST_P(LxfsRoundTrip, TheDigestIsThatOfTheSource) {
  Run([this] {
    const std::vector<TestEntry> tree = Everything();
    DigestBuilder builder;
    for (const TestEntry& put : tree) {
      ASSERT_TRUE(builder.Begin(put.entry).ok());
      for (const auto& [offset, bytes] : put.content) builder.Write({.offset = offset, .bytes = bytes});
      builder.End();
    }
    const auto written = builder.Finish();
    ASSERT_TRUE(written.ok()) << written.status();
    Write(tree);
    auto source = OpenLxfsSource(folder_.path(), kSecondOwner);
    ASSERT_TRUE(source.ok()) << source.status();
    const auto read = DigestOf(**source, {});
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->ToString(), written->ToString());
  });
}

TEST_P(LxfsRoundTrip, OnTheHostAllIsTheUsersOwnAndNothingSpecial) {
  Run([this] {
    Write(Everything());
    struct stat above;
    ASSERT_EQ(stat(folder_.path().c_str(), &above), 0);
    EXPECT_EQ(above.st_mode & 07777u, 0700u);
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder_.path())) {
      struct stat st;
      ASSERT_EQ(lstat(file.path().c_str(), &st), 0);
      EXPECT_EQ(st.st_uid, geteuid()) << file;
      EXPECT_EQ(st.st_mode & (S_ISUID | S_ISGID), 0u) << file;
      EXPECT_FALSE(S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) << file;
      if (S_ISREG(st.st_mode)) {
        EXPECT_NE(st.st_mode & S_IRUSR, 0u) << file;
      }
    }
    EXPECT_LT(HostStat("sparse").st_blocks * 512, 8 << 20);
    EXPECT_LT(HostStat("hole").st_blocks * 512, 64 << 10);
    EXPECT_EQ(HostStat("etc/read-only").st_mode & 07777u, 0444u);
    EXPECT_EQ(HostStat("home/me/.profile").st_mode & 07777u, 01644u);
    char value[64];
    EXPECT_EQ(getxattr(Host("bin/su").c_str(), kLxfsXattr, value, sizeof(value)), 24);
    EXPECT_EQ(getxattr(Host("home/me/private").c_str(), kLxfsXattr, value, sizeof(value)), -1);
    EXPECT_EQ(getxattr(Host("bin/ping").c_str(), "user.lxfs.security.capability", value, sizeof(value)), 8);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "metadata.db-wal"));
  });
}

TEST_P(LxfsRoundTrip, PathsMayBeLongerThanTheKernelTakesAndDeeperThanDescriptorsLast) {
  Run([this] {
    constexpr rlimit kFew{.rlim_cur = 160, .rlim_max = 160};
    InChild([this, kFew] {
      ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &kFew), 0);
      std::vector<TestEntry> tree = {Folder("")};
      std::string path;
      for (int depth = 0; depth < 1000; ++depth) {
        path += depth == 0 ? "deep" : "/deep";
        tree.push_back(Folder(path, depth % 2 == 0 ? 0755 : 0555, depth % 3 == 0 ? 7 : 0));
        if (depth % 100 == 0) tree.push_back(File(path + "/a", "content"));
      }
      tree.push_back(File(path + "/bottom", "content", 0600, 3, 4));
      tree.push_back(HardLink("top", path + "/bottom"));
      Write(tree);
      EXPECT_TRUE(Read() == Describe(tree));
    });
  });
}

TEST_F(LxfsTest, AnythingMayTakeThePlaceOfAnything) {
  const std::vector<TestEntry> kinds = {Folder("x", 02700, 3, 4),
                                        File("x", "content", 04711),
                                        Symlink("x", "target", 3, 4),
                                        Special("x", FileType::kFifo, 0600),
                                        Special("x", FileType::kSocket, 0600, 7, 7),
                                        Device("x", FileType::kCharDevice, 0666, 1, 3),
                                        HardLink("x", "other")};
  for (const TestEntry& first : kinds) {
    for (const TestEntry& second : kinds) {
      std::filesystem::remove_all(folder_ / "rootfs");
      std::filesystem::remove(folder_ / "metadata.db");
      std::vector<TestEntry> tree = {Folder(""), File("other", "other")};
      tree.push_back(first);
      const bool merged = first.entry.type == FileType::kDirectory && second.entry.type == FileType::kDirectory;
      if (first.entry.type == FileType::kDirectory) {
        tree.push_back(Folder("x/below"));
        tree.push_back(File("x/below/file", "gone with its folder"));
      }
      tree.push_back(second);
      Write(tree);
      std::vector<TestEntry> expected = {Folder(""), File("other", "other"), second};
      if (merged) {
        expected.push_back(Folder("x/below"));
        expected.push_back(File("x/below/file", "gone with its folder"));
      }
      EXPECT_EQ(Read(), Describe(expected));
    }
  }
}

TEST_F(LxfsTest, AFolderThatComesAgainHasTheAttributesOfTheLastTime) {
  TestEntry first = Folder("x", 02700, 3, 4);
  first.entry.xattrs = {{"user.old", "1"}};
  TestEntry second = Folder("x", 0755);
  second.entry.xattrs = {{"user.new", "2"}};
  Write({Folder(""), first, File("x/file", "stays"), second});
  EXPECT_EQ(Read(), Describe({Folder(""), second, File("x/file", "stays")}));
  char value[64];
  EXPECT_EQ(getxattr(Host("x").c_str(), kLxfsXattr, value, sizeof(value)), -1);
}

TEST_F(LxfsTest, WhatTakesAPlaceHasOnlyItsOwnAttributes) {
  TestEntry link = Symlink("x", "target");
  link.entry.xattrs = {{"trusted.old", "1"}};
  TestEntry file = File("x", "");
  file.entry.xattrs = {{"user.old", std::string(20'000, 'x')}};
  TestEntry folder = Folder("x");
  folder.entry.xattrs = {{"trusted.old", std::string(20'000, 'x')}};
  TestEntry last = folder;
  last.entry.xattrs = {{"user.new", "n"}};
  Write({Folder(""), link, file, link, folder, last});
  EXPECT_EQ(losses_, std::vector<std::string>());
  EXPECT_EQ(Read(), Describe({Folder(""), last}));
}

TEST_F(LxfsTest, AttributesThatTheHostCanNotHoldHaveAnEndAndThatIsSaid) {
  std::vector<TestEntry> tree = {Folder("")};
  const size_t fit = SideStore::kXattrRoom / 65'000;
  for (size_t i = 0; i < fit + 10; ++i) {
    tree.push_back(Symlink("link" + std::to_string(i), "x"));
    tree.back().entry.xattrs = {{"trusted.large", std::string(65'000, 'x')}};
  }
  Write(tree);
  EXPECT_EQ(losses_.size(), 10u) << testing::PrintToString(losses_);
}

TEST_F(LxfsTest, TheTimeOfAccessIsKeptWhereItIsGiven) {
  TestEntry file = File("file", "x");
  TestEntry link = Symlink("link", "x");
  TestEntry folder = Folder("folder");
  for (TestEntry* entry : {&file, &link, &folder}) {
    entry->entry.atime = {.seconds = 1'000'000'000, .nanoseconds = 1};
  }
  Write({Folder(""), file, link, folder});
  auto source = OpenLxfsSource(folder_.path(), kSecondOwner);
  ASSERT_TRUE(source.ok()) << source.status();
  Entry entry;
  int seen = 0;
  while ((*source)->Next(entry).value()) {
    if (entry.path.empty()) continue;
    EXPECT_EQ(entry.atime, file.entry.atime) << entry.path;
    ++seen;
  }
  EXPECT_EQ(seen, 3);
}

TEST_F(LxfsTest, AFolderMayHoldAHundredThousandFiles) {
  constexpr int kMany = 100'000;
  const std::unique_ptr<Sink> sink = NewSink();
  ASSERT_TRUE(PutInto(*sink, {Folder("")}).ok());
  for (int i = 0; i < kMany; ++i) {
    ASSERT_TRUE(
        PutInto(*sink, {File("many/" + std::to_string(i), "", 0644, i % 2 == 0 ? 0 : 1000, i % 2 == 0 ? 0 : 1000)})
            .ok());
  }
  ASSERT_TRUE(sink->Commit().ok());
  auto source = OpenLxfsSource(folder_.path(), kSecondOwner);
  ASSERT_TRUE(source.ok()) << source.status();
  Entry entry;
  int files = 0, odd = 0;
  while ((*source)->Next(entry).value()) {
    files += entry.type == FileType::kRegular;
    odd += entry.uid == 1000;
  }
  EXPECT_EQ(files, kMany);
  EXPECT_EQ(odd, kMany / 2);
}

TEST_F(LxfsTest, FoldersThatNeverCameAreRootsAndOfTheEpoch) {
  Write({File("a/b/file", "x")});
  std::vector<TestEntry> expected = {Folder(""), Folder("a"), Folder("a/b"), File("a/b/file", "x")};
  for (int i = 0; i < 3; ++i) expected[i].entry.mtime = {};
  EXPECT_EQ(Read(), Describe(expected));
}

TEST_F(LxfsTest, FilesMadeAndChangedOutsideAreRoots) {
  Write({Folder(""), File("file", "x", 04755, 7, 7), Symlink("link", "a", 7, 7)});
  std::ofstream(Host("new")) << "from outside";
  ASSERT_EQ(chmod(Host("new").c_str(), 0600), 0);
  ASSERT_EQ(chmod(Host("file").c_str(), 0644), 0);
  std::filesystem::remove(Host("link"));
  std::filesystem::create_symlink("b", Host("link"));
  const auto read = Read();
  EXPECT_THAT(read.at("new"), testing::StartsWith("0 600 0:0 "));
  EXPECT_THAT(read.at("file"), testing::StartsWith("0 644 0:0 "));
  EXPECT_THAT(read.at("link"), testing::StartsWith("2 777 0:0 "));
}

TEST_F(LxfsTest, WhatIsMountedInATreeIsLeftOutAndSaid) {
  Write({Folder(""), Folder("mnt"), File("mnt/hidden", "x"), File("other", "y")});
  InChild([&] {
    MountOrSkip("tmpfs", Host("mnt"));
    std::ofstream(Host("mnt/foreign")) << "not the distro's";
    const auto read = Read();
    EXPECT_EQ(read.size(), 3u);
    EXPECT_TRUE(read.contains("mnt"));
    EXPECT_EQ(warnings_.size(), 1u);
  });
}

TEST_F(LxfsTest, AFullDiskIsSaidToBeFull) {
  const std::string holder = folder_ / "small";
  ASSERT_EQ(mkdir(holder.c_str(), 0700), 0);
  InChild([&] {
    MountOrSkip("tmpfs", holder, "size=4m");
    auto sink = CreateLxfsSink(holder, kSecondOwner);
    ASSERT_TRUE(sink.ok()) << sink.status();
    const absl::Status status = PutInto(**sink, {Folder(""), File("large", std::string(8 << 20, 'x'))});
    EXPECT_EQ(ReasonOf(status), reason::kDiskFull) << status;
  });
}

TEST_F(LxfsTest, RecordsThatFoundNoRoomAreWrittenWhenThereIsSome) {
  const std::string holder = folder_ / "small";
  ASSERT_EQ(mkdir(holder.c_str(), 0700), 0);
  InChild([&] {
    MountOrSkip("tmpfs", holder, "size=1m");
    constexpr uint64_t kMany = 20'000;
    {
      auto store = SideStore::Open(holder, /*read_only=*/false);
      ASSERT_TRUE(store.ok()) << store.status();
      std::ofstream(holder + "/filler") << std::string(1 << 20, 'x');
      for (uint64_t i = 1; i <= kMany; ++i) (*store)->Put({.inode = i}, {.mode = S_IFLNK | 0777, .uid = 1});
      for (const absl::Status& status : {(*store)->Commit(), (*store)->Flush()}) {
        EXPECT_EQ(ReasonOf(status), reason::kDiskFull) << status;
      }
      std::filesystem::remove(holder + "/filler");
      ASSERT_EQ(mount(nullptr, holder.c_str(), nullptr, MS_REMOUNT, "size=64m"), 0);
      const absl::Status later = (*store)->Flush();
      EXPECT_TRUE(later.ok()) << later;
    }
    auto store = SideStore::Open(holder, /*read_only=*/true);
    ASSERT_TRUE(store.ok()) << store.status();
    for (uint64_t i = 1; i <= kMany; ++i) ASSERT_TRUE((*store)->Get({.inode = i}).has_value()) << i;
  });
}

TEST_F(LxfsTest, AFolderWithoutADistroIsBroken) {
  const auto source = OpenLxfsSource(folder_.path(), kSecondOwner);
  ASSERT_FALSE(source.ok());
  EXPECT_EQ(ReasonOf(source.status()), reason::kDistroBroken);
}

TEST_F(LxfsTest, AFolderThatHoldsADistroIsNotWrittenTo) {
  Write({Folder(""), File("precious", "x")});
  const auto sink = CreateLxfsSink(folder_.path(), kSecondOwner);
  ASSERT_FALSE(sink.ok());
  EXPECT_EQ(ReasonOf(sink.status()), reason::kFileExists);
  EXPECT_TRUE(Read().contains("precious"));
}

}  // namespace
}  // namespace wslm
