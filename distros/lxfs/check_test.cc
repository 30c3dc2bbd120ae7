#include "distros/lxfs/check.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "distros/host/remove_tree.h"
#include "distros/lxfs/attributes.h"
#include "distros/lxfs/lxfs_test_base.h"
#include "distros/lxfs/side_store.h"
#include "gmock/gmock.h"

namespace wslm {
namespace {

using Kind = LxfsFindingKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using testing::UnorderedElementsAre;

// Small, of everything that has a record or none.
std::vector<TestEntry> Tree() {
  TestEntry link = Symlink("link", "plain", 7, 8);
  link.entry.xattrs = {{"trusted.note", "n"}};
  return {Folder(""),
          Folder("home", 0750, 1000, 1000),
          Folder("tmp", 01777),
          Folder("dev"),
          File("plain", "p"),
          File("read-only", "r", 0444),
          File("seconds", "s", 0640, 1000, 1000),
          File("private", "s", 0600, 1000, 1000),
          File("recorded", "r", 04755, 3, 4),
          link,
          Special("fifo", FileType::kFifo, 0600, 5, 6),
          Device("dev/null", FileType::kCharDevice, 0666, 1, 3),
          Device("dev/disk", FileType::kBlockDevice, 0660, 8, 0)};
}

class CheckTest : public LxfsTest, public testing::WithParamInterface<bool> {
 protected:
  void Run(const std::function<void()>& body) { RunAs(GetParam(), body); }

  LxfsReport Check(bool repair = false) {
    const auto report = CheckLxfs(folder_.path(), kSecondOwner, {.repair = repair});
    EXPECT_TRUE(report.ok()) << report.status();
    if (!report.ok()) return {};
    EXPECT_LE(report->totals.repaired, report->totals.findings);
    return *report;
  }
  static std::vector<std::string> Lines(const LxfsReport& report) {
    std::vector<std::string> lines;
    for (const LxfsFinding& finding : report.findings) {
      lines.push_back(std::string(LxfsFindingName(finding.kind)) + (finding.path.empty() ? "" : " " + finding.path));
    }
    return lines;
  }
  // Looking changes nothing; a repair mends all, keeps what the guest sees, and leaves nothing to be found.
  void ExpectMended(const std::vector<std::string>& expected, bool same_view = true) {
    const std::map<std::string, std::string> before = same_view ? Read() : std::map<std::string, std::string>();
    EXPECT_THAT(Lines(Check()), testing::UnorderedElementsAreArray(expected));
    const LxfsReport again = Check();
    EXPECT_THAT(Lines(again), testing::UnorderedElementsAreArray(expected));
    EXPECT_EQ(again.totals.repaired, 0);
    EXPECT_EQ(again.saved_store, "");
    const LxfsReport repaired = Check(/*repair=*/true);
    EXPECT_THAT(Lines(repaired), testing::UnorderedElementsAreArray(expected));
    for (const LxfsFinding& finding : repaired.findings) EXPECT_TRUE(finding.repaired) << finding.what;
    EXPECT_THAT(Lines(Check()), IsEmpty());
    if (same_view) {
      EXPECT_EQ(Read(), before);
    }
  }
  void Sql(const char* statement) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open((folder_ / "metadata.db").c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, statement, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  void SetXattr(const std::string& path, const std::string& name, const std::string& value) {
    ASSERT_EQ(setxattr(Host(path).c_str(), name.c_str(), value.data(), value.size(), 0), 0) << path;
  }
};

INSTANTIATE_TEST_SUITE_P(, CheckTest, testing::Bool(),
                         [](const auto& user) { return user.param ? "OfAnOrdinaryUser" : "OfTheTestsUser"; });

TEST_P(CheckTest, ASoundTreeHasNoFindings) {
  Run([this] {
    Write(Tree());
    const LxfsReport report = Check();
    EXPECT_THAT(Lines(report), IsEmpty());
    EXPECT_TRUE(report.complete);
    EXPECT_EQ(report.totals.entries, 13);
    EXPECT_EQ(report.totals.records_in_files, 2);
    EXPECT_EQ(report.totals.records_in_store, 4);
    EXPECT_THAT(Lines(Check(/*repair=*/true)), IsEmpty());
    EXPECT_EQ(Read(), Describe(Tree()));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "metadata.db.before-repair"));
  });
}

TEST_P(CheckTest, ATreeWithoutAStoreIsSoundToo) {
  Run([this] {
    ASSERT_EQ(mkdir((folder_ / "rootfs").c_str(), 0755), 0);
    std::ofstream(Host("file")) << "x";
    EXPECT_THAT(Lines(Check(/*repair=*/true)), IsEmpty());
    EXPECT_FALSE(std::filesystem::exists(folder_ / "metadata.db"));
  });
}

TEST_P(CheckTest, WhatAUserDoesOutsideHasAMeaningAndIsAtMostLeftOver) {
  Run([this] {
    Write(Tree());
    // Added.
    std::ofstream(Host("added")) << "a";
    ASSERT_EQ(chmod(Host("added").c_str(), 0640), 0);
    ASSERT_EQ(mkdir(Host("added-folder").c_str(), 0700), 0);
    ASSERT_EQ(symlink("x", Host("added-link").c_str()), 0);
    ASSERT_EQ(mkfifo(Host("added-fifo").c_str(), 0600), 0);
    // Renamed: what was recorded moves along.
    ASSERT_EQ(rename(Host("recorded").c_str(), Host("home/moved").c_str()), 0);
    ASSERT_EQ(rename(Host("link").c_str(), Host("home/link").c_str()), 0);
    ASSERT_EQ(rename(Host("dev/disk").c_str(), Host("disk").c_str()), 0);
    // Copied: 'cp -a' keeps the mode, attributes too; of a link or device only what the host knows.
    ASSERT_EQ(std::system(("cp -a " + Host("home/moved") + " " + Host("copied")).c_str()), 0);
    ASSERT_EQ(std::system(("cp -a " + Host("seconds") + " " + Host("copied-seconds")).c_str()), 0);
    ASSERT_EQ(std::system(("cp -a " + Host("home/link") + " " + Host("copied-link")).c_str()), 0);
    // Changed in place: the owner stays.
    std::ofstream(Host("seconds")) << "changed";
    // Replaced by another file, as editors do: root's.
    std::ofstream(Host("new")) << "n";
    ASSERT_EQ(chmod(Host("new").c_str(), 0644), 0);
    ASSERT_EQ(rename(Host("new").c_str(), Host("private").c_str()), 0);
    const auto read = Read();
    EXPECT_THAT(read.at("added"), StartsWith("0 640 0:0 "));
    EXPECT_THAT(read.at("added-folder"), StartsWith("1 700 0:0 "));
    EXPECT_THAT(read.at("added-link"), StartsWith("2 777 0:0 "));
    EXPECT_THAT(read.at("added-fifo"), StartsWith("5 600 0:0 "));
    EXPECT_THAT(read.at("home/moved"), StartsWith("0 4755 3:4 "));
    EXPECT_THAT(read.at("home/link"), StartsWith("2 777 7:8 "));
    EXPECT_THAT(read.at("home/link"), HasSubstr("trusted.note=n"));
    EXPECT_THAT(read.at("disk"), StartsWith("4 660 0:0 "));
    EXPECT_THAT(read.at("copied"), StartsWith("0 4755 3:4 "));
    EXPECT_THAT(read.at("copied-seconds"), StartsWith("0 640 1000:1000 "));
    EXPECT_THAT(read.at("copied-link"), StartsWith("2 777 0:0 "));
    EXPECT_THAT(read.at("seconds"), StartsWith("0 640 1000:1000 "));
    EXPECT_THAT(read.at("private"), StartsWith("0 644 0:0 "));
    EXPECT_THAT(Lines(Check()), IsEmpty());
    // Deleted: the record is left over.
    ASSERT_EQ(unlink(Host("home/link").c_str()), 0);
    ASSERT_EQ(unlink(Host("disk").c_str()), 0);
    // A chmod takes the record's place.
    ASSERT_EQ(chmod(Host("home/moved").c_str(), 0755), 0);
    ASSERT_EQ(chmod(Host("copied").c_str(), 01755), 0);
    const auto later = Read();
    EXPECT_THAT(later.at("home/moved"), StartsWith("0 755 0:0 "));
    EXPECT_THAT(later.at("copied"), StartsWith("0 755 1000:1000 "));
    const LxfsReport report = Check();
    EXPECT_EQ(report.totals.harmful, 0);
    ExpectMended({"ORPHAN_RECORD", "ORPHAN_RECORD", "ORPHAN_RECORD", "STALE_RECORD home/moved", "STALE_RECORD copied"});
    EXPECT_TRUE(std::filesystem::exists(folder_ / "metadata.db.before-repair"));
  });
}

TEST_P(CheckTest, WhatTheUserMayNotReadGetsARecordAndTheRight) {
  Run([this] {
    Write(Tree());
    std::filesystem::create_directories(Host("closed/below"));
    std::ofstream(Host("closed/below/file")) << "hidden";
    ASSERT_EQ(chmod(Host("closed/below/file").c_str(), 0640), 0);
    for (const char* path : {"closed", "closed/below"}) ASSERT_EQ(chmod(Host(path).c_str(), 0755), 0);
    ASSERT_EQ(chmod(Host("plain").c_str(), 0), 0);
    ASSERT_EQ(chmod(Host("seconds").c_str(), 01040), 0);
    ASSERT_EQ(chmod(Host("recorded").c_str(), 01000), 0);
    for (const char* path : {"closed/below", "closed"}) ASSERT_EQ(chmod(Host(path).c_str(), 0055), 0);
    const LxfsReport found = Check();
    EXPECT_EQ(found.totals.harmful, found.totals.findings);
    EXPECT_THAT(Lines(found), testing::IsSupersetOf({"UNREADABLE_FILE plain", "UNREADABLE_FILE seconds",
                                                     "UNREADABLE_FILE recorded", "UNREADABLE_FILE closed"}));
    EXPECT_EQ(found.complete, geteuid() == 0);
    const LxfsReport repaired = Check(/*repair=*/true);
    EXPECT_EQ(repaired.totals.repaired, repaired.totals.findings);
    EXPECT_EQ(repaired.totals.findings, 5) << testing::PrintToString(Lines(repaired));
    EXPECT_THAT(Lines(Check()), IsEmpty());
    const auto read = Read();
    EXPECT_THAT(read.at("plain"), StartsWith("0 0 0:0 "));
    EXPECT_THAT(read.at("seconds"), StartsWith("0 40 1000:1000 "));
    EXPECT_THAT(read.at("recorded"), StartsWith("0 4755 3:4 "));
    EXPECT_THAT(read.at("closed"), StartsWith("1 55 0:0 "));
    EXPECT_THAT(read.at("closed/below"), StartsWith("1 55 0:0 "));
    EXPECT_THAT(read.at("closed/below/file"), StartsWith("0 640 0:0 "));
  });
}

TEST_P(CheckTest, ARootThatTheUserMayNotReadIsOpenedUp) {
  Run([this] {
    Write(Tree());
    ASSERT_EQ(chmod((folder_ / "rootfs").c_str(), 0), 0);
    EXPECT_EQ(Check(/*repair=*/true).totals.repaired, 1);
    EXPECT_THAT(Lines(Check()), IsEmpty());
    EXPECT_THAT(Read().at(""), StartsWith("1 0 0:0 "));
  });
}

TEST_P(CheckTest, SetIdBitsOnTheHostMoveIntoTheRecord) {
  Run([this] {
    Write(Tree());
    ASSERT_EQ(chmod(Host("plain").c_str(), 04755), 0);
    ASSERT_EQ(chmod(Host("home").c_str(), 03750), 0);
    ASSERT_EQ(chmod(Host("fifo").c_str(), 02600), 0);
    ExpectMended({"HOST_POWER plain", "HOST_POWER home", "HOST_POWER fifo"});
    EXPECT_EQ(HostStat("plain").st_mode & 07777u, 01700u);
    EXPECT_THAT(Read().at("plain"), StartsWith("0 4755 0:0 "));
  });
}

TEST_P(CheckTest, RecordsThatCanNotBeAreRemoved) {
  Run([this] {
    Write(Tree());
    SetXattr("private", kLxfsXattr, "short");
    ASSERT_EQ(chmod(Host("read-only").c_str(), 01600), 0);
    SetXattr("read-only", kLxfsXattr, EncodeLxfsRecord({.mode = S_IFCHR | 0600, .rdev = makedev(1, 3)}));
    ASSERT_EQ(chmod(Host("read-only").c_str(), 01400), 0);
    SetXattr("home", "user.lxfs.nothing", "x");
    SetXattr("plain", "user.lxfs.user.a", "x");
    ASSERT_EQ(chmod(Host("recorded").c_str(), 01600), 0);
    ExpectMended({"UNREADABLE_RECORD private", "ODD_RECORD read-only", "MISPLACED_XATTR home", "MISPLACED_XATTR plain",
                  "ODD_RECORD recorded"});
    EXPECT_EQ(HostStat("read-only").st_mode & 07777u, 01400u);
    EXPECT_EQ(HostStat("recorded").st_mode & 07777u, 01700u);
  });
}

TEST_P(CheckTest, ARecordOfANewerVersionIsLeftAlone) {
  Run([this] {
    Write(Tree());
    SetXattr("private", kLxfsXattr, std::string("\2\0\0\0 and more than we know of", 28));
    const LxfsReport report = Check(/*repair=*/true);
    EXPECT_THAT(Lines(report), ElementsAre("UNREADABLE_RECORD private"));
    EXPECT_EQ(report.totals.repaired, 0);
    EXPECT_EQ(getxattr(Host("private").c_str(), kLxfsXattr, nullptr, 0), 28);
  });
}

TEST_P(CheckTest, ImpossibleRowsOfTheStoreAreRemoved) {
  Run([this] {
    Write(Tree());
    Sql("INSERT INTO record VALUES (900001, 1, 1, 99999999, 0, 0, 0), (900002, 1, 1, 'text', 0, 0, 0),"
        " (900003, 1, 1, 41471, -1, 0, 0), (900004, 1, 1, 511, 0, 0, 0), (900005, 1, 1, 41471, 7, 7, 0)");
    ExpectMended({"ODD_RECORD", "ODD_RECORD", "ODD_RECORD", "ODD_RECORD", "ORPHAN_RECORD"});
  });
}

TEST_P(CheckTest, ARecordInTheStoreForAFileThatHasItsOwnIsRemoved) {
  Run([this] {
    Write(Tree());
    {
      auto store = SideStore::Open(folder_.path(), /*read_only=*/false);
      ASSERT_TRUE(store.ok());
      (*store)->Put((*store)->KeyOf(AT_FDCWD, Host("private").c_str()).value(),
                    {.mode = S_IFCHR | 0600, .rdev = makedev(1, 3)});
      (*store)->Put((*store)->KeyOf(AT_FDCWD, Host("link").c_str()).value(), {.mode = S_IFREG | 0600, .uid = 9});
    }
    ExpectMended({"ODD_RECORD private", "ODD_RECORD link"});
  });
}

TEST_P(CheckTest, ADamagedStoreIsMadeAnewFromWhatIsLeft) {
  Run([this] {
    std::vector<TestEntry> tree = Tree();
    for (int i = 0; i < 5000; ++i) tree.push_back(Symlink("many" + std::to_string(i), "x", 9, 9));
    Write(tree);
    {
      std::fstream store(folder_ / "metadata.db", std::ios::in | std::ios::out | std::ios::binary);
      store.seekp(20 * 4096);
      store << std::string(4096, 'x');
    }
    EXPECT_THAT(Lines(Check()), testing::Contains("DAMAGED_STORE"));
    const LxfsReport report = Check(/*repair=*/true);
    EXPECT_THAT(Lines(report), testing::Contains("DAMAGED_STORE"));
    EXPECT_EQ(report.totals.repaired, report.totals.findings);
    EXPECT_EQ(report.saved_store, folder_ / "metadata.db.before-repair");
    EXPECT_THAT(Lines(Check()), IsEmpty());
    int kept = 0;
    for (const auto& [path, line] : Read()) kept += path.starts_with("many") && line.starts_with("2 777 9:9 ");
    EXPECT_GT(kept, 3000);
    EXPECT_LT(kept, 5000);
  });
}

TEST_P(CheckTest, WhatIsNoDatabaseIsReplacedAndKept) {
  Run([this] {
    for (const std::string& content : {std::string(8192, 'x'), std::string()}) {
      for (const char* name : {"metadata.db", "metadata.db.before-repair"}) std::filesystem::remove(folder_ / name);
      ASSERT_TRUE(RemoveTree(folder_ / "rootfs").ok());
      Write(Tree());
      std::ofstream(folder_ / "metadata.db") << content;
      const LxfsReport report = Check(/*repair=*/true);
      EXPECT_THAT(Lines(report), ElementsAre("DAMAGED_STORE"));
      EXPECT_EQ(report.totals.repaired, 1);
      EXPECT_EQ(std::filesystem::file_size(folder_ / "metadata.db.before-repair"), content.size());
      EXPECT_THAT(Lines(Check()), IsEmpty());
      EXPECT_THAT(Read().at("link"), StartsWith("2 777 0:0 "));
    }
  });
}

TEST_P(CheckTest, ACopiedTreeIsSaidToBeOneAndItsLossesAreListed) {
  Run([this] {
    Write(Tree());
    std::filesystem::rename(folder_ / "rootfs", folder_ / "original");
    ASSERT_EQ(std::system(("cp -a " + (folder_ / "original") + " " + (folder_ / "rootfs")).c_str()), 0);
    const auto source = OpenLxfsSource(folder_.path(), kSecondOwner);
    ASSERT_FALSE(source.ok());
    EXPECT_EQ(ReasonOf(source.status()), reason::kDistroBroken);
    // A summary, dev/null by its name, and four lost: link, its attribute, fifo, dev/disk.
    ExpectMended({"OTHER_TREE", "OTHER_TREE dev/null", "OTHER_TREE", "OTHER_TREE", "OTHER_TREE", "OTHER_TREE"},
                 /*same_view=*/false);
    const auto read = Read();
    EXPECT_THAT(read.at("dev/null"), StartsWith("3 666 0:0 "));
    EXPECT_THAT(read.at("dev/null"), HasSubstr("1,3"));
    EXPECT_THAT(read.at("dev/disk"), StartsWith("6 "));
    EXPECT_THAT(read.at("recorded"), StartsWith("0 4755 3:4 "));
    EXPECT_TRUE(std::filesystem::exists(folder_ / "metadata.db.before-repair"));
    ASSERT_TRUE(RemoveTree(folder_ / "original").ok());
  });
}

TEST_P(CheckTest, AnotherRootAroundTheSameFilesLosesNothing) {
  Run([this] {
    Write(Tree());
    const auto before = Read();
    std::filesystem::rename(folder_ / "rootfs", folder_ / "original");
    ASSERT_EQ(mkdir((folder_ / "rootfs").c_str(), 0755), 0);
    ASSERT_EQ(std::system(("mv " + (folder_ / "original") + "/* " + (folder_ / "rootfs")).c_str()), 0);
    ExpectMended({"OTHER_TREE"}, /*same_view=*/false);
    auto after = Read();
    after[""] = before.at("");
    EXPECT_EQ(after, before);
  });
}

TEST_P(CheckTest, ALinkThatLeadsOutsideIsSaidAndLeftAlone) {
  Run([this] {
    Write(Tree());
    ASSERT_EQ(link(Host("plain").c_str(), (folder_ / "backup").c_str()), 0);
    ASSERT_EQ(link(Host("seconds").c_str(), Host("inside").c_str()), 0);
    const LxfsReport report = Check(/*repair=*/true);
    EXPECT_THAT(Lines(report), ElementsAre("LINK_OUTSIDE plain"));
    EXPECT_EQ(report.totals.repaired, 0);
  });
}

TEST_P(CheckTest, PathsMayBeLongerThanTheKernelTakes) {
  Run([this] {
    std::vector<TestEntry> tree = {Folder("")};
    std::string path;
    for (int depth = 0; depth < 1000; ++depth) {
      path += depth == 0 ? "deeper" : "/deeper";
      tree.push_back(Folder(path, 02755));
    }
    tree.push_back(Symlink(path + "/link", "x", 4, 4));
    tree.push_back(File(path + "/file", "x", 0755));
    Write(tree);
    EXPECT_THAT(Lines(Check()), IsEmpty());
    int folder = open(Host("deeper").c_str(), O_PATH | O_CLOEXEC);
    for (int depth = 1; depth < 1000; ++depth) {
      const int next = openat(folder, "deeper", O_PATH | O_CLOEXEC);
      close(folder);
      folder = next;
    }
    ASSERT_EQ(fchmodat(folder, "file", 0, 0), 0);
    close(folder);
    ExpectMended({"UNREADABLE_FILE " + path + "/file"}, /*same_view=*/false);
  });
}

TEST_P(CheckTest, ADistroThatRunsIsRefused) {
  Run([this] {
    Write(Tree());
    auto running = SideStore::Open(folder_.path(), /*read_only=*/false);
    ASSERT_TRUE(running.ok());
    for (const bool repair : {false, true}) {
      const auto report = CheckLxfs(folder_.path(), kSecondOwner, {.repair = repair});
      ASSERT_FALSE(report.ok());
      EXPECT_EQ(ReasonOf(report.status()), reason::kDistroRunning) << report.status();
    }
  });
}

TEST_P(CheckTest, ANewerStoreAndAMissingRootAreErrors) {
  Run([this] {
    const auto missing = CheckLxfs(folder_.path(), kSecondOwner, {});
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(ReasonOf(missing.status()), reason::kDistroBroken);
    Write(Tree());
    Sql("PRAGMA user_version = 2");
    const auto newer = CheckLxfs(folder_.path(), kSecondOwner, {.repair = true});
    ASSERT_FALSE(newer.ok());
    EXPECT_EQ(ReasonOf(newer.status()), reason::kDistroBroken);
  });
}

TEST_P(CheckTest, TheListEndsAndTheCountDoesNot) {
  Run([this] {
    std::vector<TestEntry> tree = {Folder("")};
    for (int i = 0; i < 1500; ++i) tree.push_back(File(std::to_string(i), "", 0755));
    Write(tree);
    for (int i = 0; i < 1500; ++i) ASSERT_EQ(chmod(Host(std::to_string(i)).c_str(), 04755), 0);
    const LxfsReport report = Check(/*repair=*/true);
    EXPECT_EQ(report.findings.size(), LxfsReport::kMaximumFindings);
    EXPECT_EQ(report.totals.findings, 1500);
    EXPECT_EQ(report.totals.repaired, 1500);
    EXPECT_THAT(Lines(Check()), IsEmpty());
  });
}

TEST_P(CheckTest, ACheckCanBeCancelled) {
  Run([this] {
    Write(Tree());
    const CancelFlag cancel = true;
    const auto report = CheckLxfs(folder_.path(), kSecondOwner, {.cancel = &cancel});
    ASSERT_FALSE(report.ok());
    EXPECT_EQ(ReasonOf(report.status()), reason::kCancelled);
  });
}

TEST_F(LxfsTest, FilesOfAnotherUserAreSaidAndRootGivesThemBack) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  RunAs(true, [this] { Write(Tree()); });
  ASSERT_EQ(lchown(Host("plain").c_str(), 12345, 12345), 0);
  ASSERT_EQ(lchown(Host("link").c_str(), 0, 0), 0);
  RunAs(true, [this] {
    const auto report = CheckLxfs(folder_.path(), kSecondOwner, {.repair = true});
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->totals.findings, 2);
    EXPECT_EQ(report->totals.repaired, 0);
  });
  const auto report = CheckLxfs(folder_.path(), kSecondOwner, {.repair = true});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->totals.repaired, 2);
  EXPECT_EQ(HostStat("plain").st_uid, kOrdinaryUser);
  EXPECT_EQ(HostStat("link").st_uid, kOrdinaryUser);
  RunAs(true, [this] { EXPECT_EQ(Read(), Describe(Tree())); });
}

TEST_F(LxfsTest, ADeviceOfTheHostsBecomesOneOfTheDistros) {
  Write(Tree());
  if (mknod(Host("dev/zero").c_str(), S_IFCHR | 0640, makedev(1, 5)) != 0) GTEST_SKIP() << "no devices here";
  auto report = CheckLxfs(folder_.path(), kSecondOwner, {});
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->findings.size(), 1u);
  EXPECT_EQ(report->findings[0].kind, Kind::kHostDevice);
  report = CheckLxfs(folder_.path(), kSecondOwner, {.repair = true});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->totals.repaired, 1) << report->findings[0].what;
  EXPECT_TRUE(S_ISSOCK(HostStat("dev/zero").st_mode));
  EXPECT_THAT(Read().at("dev/zero"), testing::MatchesRegex("3 6.0 0:0 .* 1,5"));
}

}  // namespace
}  // namespace wslm
