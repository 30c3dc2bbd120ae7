// lxfs on each file system that a host may have: images are made and mounted in a namespace of the test's own, which
// takes root; those that live in memory need none.
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "distros/lxfs/check.h"
#include "distros/lxfs/lxfs_test_base.h"
#include "distros/tree/digest.h"
#include "distros/tree/transfer.h"

namespace wslm {
namespace {

struct HostCase {
  const char* name;
  // Of an image of `mebibytes`; empty: it lives in memory.
  const char* make;
  const char* type;
  int mebibytes;
  // Times of change lose their nanoseconds, and those after 2038 all.
  bool small_times = false;
  bool holds_xattrs = true;
};

constexpr HostCase kHosts[] = {
    {"Ext4", "mkfs.ext4 -q", "ext4", 100},
    // It has no times of birth either.
    {"Ext4OfSmallInodes", "mkfs.ext4 -q -I 128", "ext4", 100, true},
    {"Xfs", "mkfs.xfs -q", "xfs", 400},
    {"Btrfs", "mkfs.btrfs -q", "btrfs", 200},
    {"Tmpfs", "", "tmpfs", 0},
    // Neither extended attributes nor times of birth.
    {"Ramfs", "", "ramfs", 0, false, false},
};

class HostFileSystems : public LxfsTest, public testing::WithParamInterface<HostCase> {
 protected:
  std::string holder() const { return folder_ / "holder"; }
  bool in_memory() const { return *GetParam().make == '\0'; }

  void Mount() {
    if (in_memory()) return MountOrSkip(GetParam().type, holder());
    // mount(8) knows loop devices, which go with the mount.
    // Kernels lack some of these file systems, containers the right.
    if (std::system(("mount -o loop " + (folder_ / "image") + " " + holder() + " 2>/dev/null").c_str()) != 0) _exit(77);
  }
  void Remount() {
    if (in_memory()) return;
    ASSERT_EQ(umount(holder().c_str()), 0);
    Mount();
  }
  // `body` in a namespace in which the file system is mounted.
  void OnIt(const std::function<void()>& body) {
    ASSERT_EQ(mkdir(holder().c_str(), 0755), 0);
    if (!in_memory()) {
      if (geteuid() != 0) GTEST_SKIP() << "only root can mount an image";
      const std::string image = folder_ / "image";
      std::ofstream(image).close();
      std::filesystem::resize_file(image, static_cast<uintmax_t>(GetParam().mebibytes) << 20);
      if (std::system((std::string(GetParam().make) + " " + image + " >/dev/null 2>&1").c_str()) != 0) {
        GTEST_SKIP() << "no " << GetParam().make << " here";
      }
    }
    InChild([&] {
      if (!in_memory()) {
        if (unshare(CLONE_NEWNS) != 0) _exit(77);
        if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(77);
      }
      Mount();
      if (HasFailure()) return;
      body();
      if (!in_memory()) {
        EXPECT_EQ(umount(holder().c_str()), 0);
      }
    });
  }
  std::string distro() const { return holder() + "/distro"; }

  // What the host can't keep is taken off.
  std::vector<TestEntry> Tree() {
    std::vector<TestEntry> tree = Everything();
    for (TestEntry& entry : tree) {
      if (!GetParam().small_times) break;
      entry.entry.mtime = {.seconds = 1'600'000'000};
    }
    // It can't tell holes, and would fill them when they are read.
    if (GetParam().type == std::string("ramfs")) {
      std::erase_if(tree, [](const TestEntry& entry) { return entry.entry.path == "sparse"; });
    }
    return tree;
  }
  void WriteTo(const std::vector<TestEntry>& tree) {
    ASSERT_EQ(mkdir(distro().c_str(), 0700), 0);
    auto sink = CreateLxfsSink(distro(), kSecondOwner);
    ASSERT_TRUE(sink.ok()) << sink.status();
    absl::Status status = PutInto(**sink, tree);
    ASSERT_TRUE(status.ok()) << status;
    status = (*sink)->Commit();
    ASSERT_TRUE(status.ok()) << status;
    losses_ = (*sink)->losses();
  }
  void ExpectIs(const std::vector<TestEntry>& tree) {
    auto source = OpenLxfsSource(distro(), kSecondOwner);
    ASSERT_TRUE(source.ok()) << source.status();
    const auto read = Describe(**source);
    for (const auto& [path, line] : Describe(tree)) {
      ASSERT_TRUE(read.contains(path)) << Escaped(path);
      EXPECT_EQ(read.at(path), line) << Escaped(path);
    }
    const auto report = CheckLxfs(distro(), kSecondOwner, {});
    ASSERT_TRUE(report.ok()) << report.status();
    for (const LxfsFinding& finding : report->findings) ADD_FAILURE() << Escaped(finding.path) << ": " << finding.what;
  }
};

INSTANTIATE_TEST_SUITE_P(, HostFileSystems, testing::ValuesIn(kHosts),
                         [](const auto& test) { return test.param.name; });

TEST_P(HostFileSystems, WhatWasWrittenIsReadAgainAlsoAfterAMount) {
  OnIt([this] {
    const std::vector<TestEntry> tree = Tree();
    WriteTo(tree);
    EXPECT_EQ(losses_, std::vector<std::string>());
    ExpectIs(tree);
    Remount();
    ExpectIs(tree);
    // Without attributes of the host's own, all lie beside.
    EXPECT_EQ(setxattr((distro() + "/rootfs").c_str(), "user.test", "", 0, 0) == 0, GetParam().holds_xattrs);
  });
}

TEST_P(HostFileSystems, AnOrdinaryUserNeedsNoRights) {
  if (geteuid() != 0) GTEST_SKIP() << "the other tests are an ordinary user's already";
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
  OnIt([this] {
    ASSERT_EQ(chown(holder().c_str(), kOrdinaryUser, kOrdinaryUser), 0);
    InChild([this] {
      ASSERT_EQ(setgroups(0, nullptr), 0);
      ASSERT_EQ(setresgid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser), 0);
      ASSERT_EQ(setresuid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser), 0);
      const std::vector<TestEntry> tree = Tree();
      WriteTo(tree);
      EXPECT_EQ(losses_, std::vector<std::string>());
      ExpectIs(tree);
    });
  });
}

TEST_P(HostFileSystems, RecordsAreFoundAgainAfterARenameAndOthersDoNotGetThem) {
  OnIt([this] {
    WriteTo({Folder(""), Symlink("link", "a", 7, 7), Special("fifo", FileType::kFifo, 0600, 7, 7),
             File("file", "x", 04755, 7, 7)});
    const std::string root = distro() + "/rootfs/";
    for (const char* name : {"link", "fifo", "file"}) {
      ASSERT_EQ(rename((root + name).c_str(), (root + "moved-" + name).c_str()), 0);
    }
    Remount();
    auto source = OpenLxfsSource(distro(), kSecondOwner);
    ASSERT_TRUE(source.ok()) << source.status();
    auto read = Describe(**source);
    EXPECT_THAT(read.at("moved-link"), testing::StartsWith("2 777 7:7 "));
    EXPECT_THAT(read.at("moved-fifo"), testing::StartsWith("5 600 7:7 "));
    EXPECT_THAT(read.at("moved-file"), testing::StartsWith("0 4755 7:7 "));
    // A link that takes the number of one that went.
    ASSERT_EQ(unlink((root + "moved-link").c_str()), 0);
    ASSERT_EQ(symlink("b", (root + "new-link").c_str()), 0);
    source = OpenLxfsSource(distro(), kSecondOwner);
    ASSERT_TRUE(source.ok()) << source.status();
    read = Describe(**source);
    EXPECT_THAT(read.at("new-link"), testing::StartsWith("2 777 0:0 "));
    const auto report = CheckLxfs(distro(), kSecondOwner, {.repair = true});
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->totals.findings, 1);
    EXPECT_EQ(report->totals.harmful, 0);
    EXPECT_EQ(report->totals.repaired, 1);
  });
}

TEST_P(HostFileSystems, TimesThatItDoesNotKeepAreALoss) {
  OnIt([this] {
    TestEntry late = File("late", "x");
    late.entry.mtime = {.seconds = 4'000'000'000};
    TestEntry exact = File("exact", "x");
    exact.entry.mtime = {.seconds = 1'000'000'000, .nanoseconds = 1};
    TestEntry again = exact;
    again.entry.path = "again";
    TestEntry root = Folder("");
    root.entry.mtime = {};
    WriteTo({root, late, exact, again});
    EXPECT_EQ(losses_.size(), GetParam().small_times ? 2u : 0u) << testing::PrintToString(losses_);
  });
}

// exFAT through FUSE is what there is of such file systems on every kernel.
TEST_F(LxfsTest, AFileSystemThatCanNotHoldADistroIsRefusedBeforeAnythingIsWritten) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can mount an image";
  const std::string image = folder_ / "image", holder = folder_ / "holder";
  ASSERT_EQ(mkdir(holder.c_str(), 0755), 0);
  std::ofstream(image).close();
  std::filesystem::resize_file(image, 16 << 20);
  if (std::system(("mkfs.exfat " + image + " >/dev/null 2>&1").c_str()) != 0) GTEST_SKIP() << "no mkfs.exfat here";
  InChild([&] {
    if (unshare(CLONE_NEWNS) != 0) _exit(77);
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(77);
    if (std::system(("mount -o loop -t exfat-fuse " + image + " " + holder + " >/dev/null 2>&1").c_str()) != 0)
      _exit(77);
    const auto sink = CreateLxfsSink(holder, kSecondOwner);
    EXPECT_FALSE(sink.ok());
    EXPECT_EQ(ReasonOf(sink.status()), reason::kHostUnsupported) << sink.status();
    EXPECT_THAT(std::string(sink.status().message()), testing::HasSubstr("capital letters"));
    EXPECT_TRUE(std::filesystem::is_empty(holder));
    EXPECT_EQ(umount(holder.c_str()), 0);
  });
}

}  // namespace
}  // namespace wslm
