#include "distros/registry/registry.h"

#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/random_id.h"
#include "distros/host/test_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RegistryTest : public testing::Test {
 protected:
  RegistryTest() { Reopen(); }

  void Reopen() {
    registry_.reset();
    absl::StatusOr<std::unique_ptr<Registry>> registry = Registry::Open(folder_.path());
    ASSERT_TRUE(registry.ok()) << registry.status();
    registry_ = *std::move(registry);
  }

  // Registers a distro and answers its id.
  std::string Add(const std::string& name, int64_t create_time_ns = 0) {
    DistroRecord record;
    record.id = NewUuid();
    record.name = name;
    record.create_time_ns = create_time_ns;
    const absl::StatusOr<std::string> staging = registry_->MakeStaging(record.id);
    EXPECT_TRUE(staging.ok()) << staging.status();
    EXPECT_TRUE(MakeFolders(*staging + "/rootfs/etc").ok());
    const absl::Status status = registry_->Publish(record);
    EXPECT_TRUE(status.ok()) << status;
    return record.id;
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const RegistryEntry& entry : registry_->List()) names.push_back(entry.record.name);
    return names;
  }

  std::string DistroFolder(const std::string& id) const { return folder_ / ("distros/" + id); }

  const TestFolder folder_;
  std::unique_ptr<Registry> registry_;
};

TEST_F(RegistryTest, AnEmptyOneHasNoDefault) {
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_EQ(registry_->default_id(), "");
  EXPECT_EQ(ReasonOf(registry_->Find("").status()), reason::kNoDefaultDistro);
  EXPECT_EQ(ReasonOf(registry_->Find("x").status()), reason::kDistroNotFound);
}

TEST_F(RegistryTest, ListsTheDefaultFirstThenByNameWithoutCase) {
  Add("zeta");
  Add("Beta");
  Add("alpha");
  EXPECT_THAT(Names(), ElementsAre("zeta", "alpha", "Beta"));
  Reopen();
  EXPECT_THAT(Names(), ElementsAre("zeta", "alpha", "Beta"));
}

TEST_F(RegistryTest, FindsByIdAndByNameWithoutCase) {
  const std::string id = Add("Debian");
  EXPECT_EQ(registry_->Find("dEBIAN")->record.id, id);
  EXPECT_EQ(registry_->Find(id)->record.name, "Debian");
  EXPECT_EQ(registry_->Find("")->record.id, id);
  EXPECT_EQ(registry_->Find(id)->folder, DistroFolder(id));
  EXPECT_EQ(registry_->Find(id)->files_folder(), DistroFolder(id));
  EXPECT_EQ(registry_->Find(id)->record.revision, 1);
  EXPECT_GT(registry_->Find(id)->record.create_time_ns, 0);
}

TEST_F(RegistryTest, ANameIsTakenWithoutCase) {
  Add("Debian");
  DistroRecord record;
  record.id = NewUuid();
  record.name = "debian";
  ASSERT_TRUE(registry_->MakeStaging(record.id).ok());
  EXPECT_EQ(ReasonOf(registry_->Publish(record)), reason::kDistroExists);
  record.name = "-";
  EXPECT_EQ(ReasonOf(registry_->Publish(record)), reason::kInvalidName);
  registry_->RemoveStaging(record.id);
  EXPECT_THAT(Names(), ElementsAre("Debian"));
}

TEST_F(RegistryTest, StagingIsNotListedAndACrashLeavesNoneOfIt) {
  const std::string id = NewUuid();
  const absl::StatusOr<std::string> staging = registry_->MakeStaging(id);
  ASSERT_TRUE(staging.ok());
  struct stat st;
  ASSERT_EQ(::stat(staging->c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0700u);
  ASSERT_TRUE(MakeFolders(*staging + "/rootfs").ok());
  EXPECT_THAT(Names(), IsEmpty());
  Reopen();
  EXPECT_FALSE(PathExists(*staging));
  EXPECT_TRUE(IsEmptyFolder(folder_ / "distros"));
}

TEST_F(RegistryTest, AnIdIsNeverAPath) {
  EXPECT_EQ(ReasonOf(registry_->MakeStaging("../x").status()), reason::kInvalidArgument);
  registry_->RemoveStaging("../../x");
}

TEST_F(RegistryTest, OnlyOneProcessOpensIt) {
  EXPECT_EQ(Registry::Open(folder_.path()).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(RegistryTest, UpdateWritesAndCountsRevisionsAndRefusesATakenName) {
  const std::string id = Add("a");
  Add("b");
  DistroRecord record = registry_->Find(id)->record;
  record.default_user = "ann";
  EXPECT_EQ(registry_->Update(record)->record.revision, 2);
  record.name = "B";
  EXPECT_EQ(ReasonOf(registry_->Update(record).status()), reason::kDistroExists);
  record.name = "A";
  EXPECT_EQ(registry_->Update(record)->record.revision, 3);
  Reopen();
  EXPECT_EQ(registry_->Find(id)->record.name, "A");
  EXPECT_EQ(registry_->Find(id)->record.default_user, "ann");
  record.id = NewUuid();
  EXPECT_EQ(ReasonOf(registry_->Update(record).status()), reason::kDistroNotFound);
}

TEST_F(RegistryTest, TheDefaultIsTheFirstThenTheOldestLeft) {
  const std::string young = Add("young", 300);
  const std::string old = Add("old", 100);
  const std::string middle = Add("middle", 200);
  EXPECT_EQ(registry_->default_id(), young);
  ASSERT_TRUE(registry_->SetDefault(middle).ok());
  Reopen();
  EXPECT_EQ(registry_->default_id(), middle);
  ASSERT_TRUE(registry_->Remove(middle, false).ok());
  EXPECT_EQ(registry_->default_id(), old);
  // What comes back does not take it away.
  ASSERT_TRUE(registry_->Recover(middle, "").ok());
  EXPECT_EQ(registry_->default_id(), old);
  Reopen();
  EXPECT_EQ(registry_->default_id(), old);
  EXPECT_EQ(ReasonOf(registry_->SetDefault(NewUuid())), reason::kDistroNotFound);
}

TEST_F(RegistryTest, RemoveGoesToTheTrashAndRecoverBringsBack) {
  const std::string id = Add("a");
  ASSERT_TRUE(registry_->Remove(id, false).ok());
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_EQ(registry_->default_id(), "");
  Reopen();
  const std::vector<TrashEntry> trash = registry_->Trash();
  ASSERT_EQ(trash.size(), 1u);
  EXPECT_EQ(trash[0].entry.record.name, "a");
  EXPECT_EQ(trash[0].purge_time_ns - trash[0].delete_time_ns, int64_t{7} * 86400 * 1'000'000'000);
  const absl::StatusOr<RegistryEntry> back = registry_->Recover("A", "");
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->folder, DistroFolder(id));
  EXPECT_TRUE(PathExists(back->folder + "/rootfs/etc"));
  EXPECT_FALSE(PathExists(back->folder + "/trash.json"));
  EXPECT_EQ(registry_->default_id(), id);
  EXPECT_THAT(registry_->Trash(), IsEmpty());
}

TEST_F(RegistryTest, RecoverWithANewNameWhenTheOldOneIsTaken) {
  const std::string id = Add("a");
  ASSERT_TRUE(registry_->Remove(id, false).ok());
  Add("a");
  EXPECT_EQ(ReasonOf(registry_->Recover("a", "").status()), reason::kDistroExists);
  EXPECT_EQ(ReasonOf(registry_->Recover("a", "-").status()), reason::kInvalidName);
  EXPECT_EQ(registry_->Recover("a", "b")->record.name, "b");
  Reopen();
  EXPECT_EQ(registry_->Find("b")->record.id, id);
  EXPECT_EQ(ReasonOf(registry_->Recover("a", "").status()), reason::kDistroNotFound);
}

TEST_F(RegistryTest, OfTwoDeletedOnesOfANameTheLastComesBack) {
  const std::string first = Add("a");
  ASSERT_TRUE(registry_->Remove(first, false).ok());
  const std::string second = Add("a");
  ASSERT_TRUE(registry_->Remove(second, false).ok());
  EXPECT_EQ(registry_->Recover("a", "")->record.id, second);
}

TEST_F(RegistryTest, PurgeLeavesNothing) {
  const std::string id = Add("a");
  ASSERT_TRUE(registry_->Remove(id, true).ok());
  EXPECT_TRUE(IsEmptyFolder(folder_ / "distros"));
  EXPECT_TRUE(IsEmptyFolder(folder_ / "trash"));
  EXPECT_EQ(ReasonOf(registry_->Remove(id, true).status()), reason::kDistroNotFound);
}

TEST_F(RegistryTest, AProtectedOneIsNotRemoved) {
  const std::string id = Add("a");
  DistroRecord record = registry_->Find(id)->record;
  record.is_protected = true;
  ASSERT_TRUE(registry_->Update(record).ok());
  EXPECT_EQ(ReasonOf(registry_->Remove(id, true).status()), reason::kDistroProtected);
  EXPECT_EQ(ReasonOf(registry_->Remove(id, false).status()), reason::kDistroProtected);
  EXPECT_THAT(Names(), ElementsAre("a"));
}

TEST_F(RegistryTest, OldTrashIsPurgedAndYoungIsKept) {
  const std::string old = Add("old");
  const std::string young = Add("young");
  ASSERT_TRUE(registry_->Remove(old, false).ok());
  ASSERT_TRUE(registry_->Remove(young, false).ok());
  ASSERT_TRUE(WriteFileAtomically(folder_ / ("trash/" + old + "/trash.json"), "{\"delete_time_ns\": 1000}").ok());
  registry_->PurgeOldTrash();
  const std::vector<TrashEntry> trash = registry_->Trash();
  ASSERT_EQ(trash.size(), 1u);
  EXPECT_EQ(trash[0].entry.record.id, young);
  EXPECT_FALSE(PathExists(folder_ / ("trash/" + old)));
}

TEST_F(RegistryTest, ADistroWithoutItsTrashFileIsAsOldAsItsMove) {
  const std::string id = Add("a");
  ASSERT_TRUE(registry_->Remove(id, false).ok());
  const int64_t told = registry_->Trash()[0].delete_time_ns;
  ASSERT_EQ(::unlink((folder_ / ("trash/" + id + "/trash.json")).c_str()), 0);
  EXPECT_NEAR(static_cast<double>(registry_->Trash()[0].delete_time_ns), static_cast<double>(told), 5e9);
}

TEST_F(RegistryTest, APurgeThatACrashInterruptedIsFinished) {
  const std::string id = Add("a");
  ASSERT_EQ(::rename(DistroFolder(id).c_str(), (folder_ / ("trash/.purge-" + id)).c_str()), 0);
  Reopen();
  EXPECT_TRUE(IsEmptyFolder(folder_ / "trash"));
  EXPECT_THAT(registry_->Trash(), IsEmpty());
}

TEST_F(RegistryTest, ABrokenRecordIsListedWithItsNameAndKept) {
  const std::string id = Add("a");
  Add("b");
  registry_.reset();
  ASSERT_TRUE(WriteFileAtomically(DistroFolder(id) + "/distro.json", "{").ok());
  Reopen();
  EXPECT_THAT(Names(), testing::UnorderedElementsAre("a", "b"));
  const RegistryEntry entry = *registry_->Find("a");
  EXPECT_EQ(entry.record.id, id);
  EXPECT_THAT(entry.broken_reason, HasSubstr("distro.json"));
  EXPECT_EQ(ReasonOf(registry_->Update(entry.record).status()), reason::kDistroBroken);
  EXPECT_EQ(*ReadSmallFile(DistroFolder(id) + "/distro.json"), "{");
  // Its name stays taken, and it can be removed and comes back as it was.
  DistroRecord other;
  other.id = NewUuid();
  other.name = "a";
  ASSERT_TRUE(registry_->MakeStaging(other.id).ok());
  EXPECT_EQ(ReasonOf(registry_->Publish(other)), reason::kDistroExists);
  ASSERT_TRUE(registry_->Remove(id, false).ok());
  EXPECT_TRUE(registry_->Recover("a", "").ok());
  EXPECT_EQ(*ReadSmallFile(DistroFolder(id) + "/distro.json"), "{");
}

TEST_F(RegistryTest, AFolderWithoutARecordOrWithAnothersIsListedAsBroken) {
  const std::string id = Add("a");
  registry_.reset();
  const std::string empty = NewUuid();
  ASSERT_TRUE(MakeFolders(DistroFolder(empty)).ok());
  ASSERT_TRUE(MakeFolders(DistroFolder("copy")).ok());
  ASSERT_TRUE(
      WriteFileAtomically(DistroFolder("copy") + "/distro.json", *ReadSmallFile(DistroFolder(id) + "/distro.json"))
          .ok());
  ASSERT_TRUE(MakeFolders(DistroFolder("something else")).ok());
  Reopen();
  EXPECT_EQ(registry_->List().size(), 3u);
  EXPECT_EQ(registry_->default_id(), id);
  EXPECT_NE(registry_->Find(empty)->broken_reason, "");
  EXPECT_EQ(registry_->Find(empty)->record.name, empty);
  EXPECT_THAT(registry_->Find("copy")->broken_reason, HasSubstr(id));
  EXPECT_EQ(registry_->Find("a")->record.id, id);
}

TEST_F(RegistryTest, ALostOrDamagedIndexIsMadeAnewFromTheFolders) {
  const std::string old = Add("old", 100);
  Add("young", 200);
  for (const bool lost : {true, false}) {
    registry_.reset();
    ::unlink((folder_ / "index.db-wal").c_str());
    if (lost) {
      ASSERT_EQ(::unlink((folder_ / "index.db").c_str()), 0);
    } else {
      ASSERT_TRUE(WriteFileAtomically(folder_ / "index.db", std::string(20000, 'x')).ok());
    }
    Reopen();
    EXPECT_THAT(Names(), ElementsAre("old", "young"));
    EXPECT_EQ(registry_->default_id(), old);
    EXPECT_EQ(PathExists(folder_ / "index.db.damaged"), !lost);
    EXPECT_TRUE(registry_->SetDefault(old).ok());
  }
}

TEST_F(RegistryTest, ADamagedPageOfTheIndexIsFound) {
  Add("a");
  ASSERT_TRUE(registry_->WriteJournal({"op", std::string(20000, 'x'), false}).ok());
  registry_.reset();
  std::string bytes = *ReadSmallFile(folder_ / "index.db");
  ASSERT_GT(bytes.size(), 8192u);
  std::fill(bytes.begin() + 4096, bytes.end(), '\x5a');
  ASSERT_TRUE(WriteFileAtomically(folder_ / "index.db", bytes).ok());
  Reopen();
  EXPECT_THAT(Names(), ElementsAre("a"));
  EXPECT_TRUE(PathExists(folder_ / "index.db.damaged"));
}

TEST_F(RegistryTest, AnIndexOfAFormatOfTheFutureIsNone) {
  Add("a");
  registry_.reset();
  std::string bytes = *ReadSmallFile(folder_ / "index.db");
  // SQLite's "file format write version".
  bytes[18] = 'J';
  ASSERT_TRUE(WriteFileAtomically(folder_ / "index.db", bytes).ok());
  Reopen();
  EXPECT_THAT(Names(), ElementsAre("a"));
  EXPECT_TRUE(PathExists(folder_ / "index.db.damaged"));
  EXPECT_TRUE(registry_->WriteJournal({"op", "body", false}).ok());
}

TEST_F(RegistryTest, ASoundFileWithOtherTablesIsNoIndex) {
  Add("a");
  for (const char* tables : {"", "CREATE TABLE settings (a); CREATE TABLE names (b); CREATE TABLE journal (c);"}) {
    registry_.reset();
    for (const char* file : {"index.db", "index.db-wal"}) ::unlink((folder_ / file).c_str());
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open((folder_ / "index.db").c_str(), &other), SQLITE_OK);
    ASSERT_EQ(
        sqlite3_exec(other, (std::string(tables) + "PRAGMA user_version = 1;").c_str(), nullptr, nullptr, nullptr),
        SQLITE_OK);
    sqlite3_close(other);
    Reopen();
    EXPECT_THAT(Names(), ElementsAre("a"));
    EXPECT_TRUE(PathExists(folder_ / "index.db.damaged"));
    EXPECT_TRUE(registry_->WriteJournal({"op", "body", false}).ok());
  }
}

TEST_F(RegistryTest, TheJournalSurvivesAndKeepsAHundredDoneOnes) {
  ASSERT_TRUE(registry_->WriteJournal({"open", std::string("\0body\xff", 6), false}).ok());
  for (int i = 0; i < 150; ++i) {
    ASSERT_TRUE(registry_->WriteJournal({"op" + std::to_string(i), "x", false}).ok());
    ASSERT_TRUE(registry_->WriteJournal({"op" + std::to_string(i), "done", true}).ok());
  }
  Reopen();
  const std::vector<JournalEntry> journal = registry_->Journal();
  ASSERT_EQ(journal.size(), 101u);
  EXPECT_EQ(journal[0].id, "open");
  EXPECT_EQ(journal[0].body, std::string("\0body\xff", 6));
  EXPECT_FALSE(journal[0].done);
  EXPECT_EQ(journal[1].id, "op50");
  EXPECT_EQ(journal[1].body, "done");
  EXPECT_EQ(journal[100].id, "op149");
}

// A distro whose files lie in a folder of the user's.
class LocationTest : public RegistryTest {
 protected:
  void AddAt(const std::string& location) {
    record_.id = NewUuid();
    record_.name = "there";
    record_.location = location;
    ASSERT_TRUE(registry_->MakeStaging(record_.id).ok());
    const absl::StatusOr<bool> made = registry_->StageLocation(record_.id, location);
    ASSERT_TRUE(made.ok()) << made.status();
    record_.made_location = *made;
    ASSERT_TRUE(MakeFolders(location + "/rootfs/etc").ok());
    ASSERT_TRUE(registry_->Publish(record_).ok());
  }
  DistroRecord record_;
};

TEST_F(LocationTest, ACopyOfTheRecordLiesThereAndFollowsChanges) {
  AddAt(folder_ / "user/there");
  EXPECT_TRUE(record_.made_location);
  EXPECT_EQ(registry_->Find("there")->files_folder(), folder_ / "user/there");
  record_.default_user = "ann";
  ASSERT_TRUE(registry_->Update(record_).ok());
  EXPECT_EQ(ReadRecord(folder_ / "user/there")->default_user, "ann");
  EXPECT_FALSE(PathExists(DistroFolder(record_.id) + "/staging.json"));
}

TEST_F(LocationTest, ItMustBeEmptyOrNotThere) {
  ASSERT_TRUE(MakeFolders(folder_ / "full/x").ok());
  ASSERT_TRUE(WriteFileAtomically(folder_ / "file", "").ok());
  const std::string id = NewUuid();
  ASSERT_TRUE(registry_->MakeStaging(id).ok());
  EXPECT_EQ(ReasonOf(registry_->StageLocation(id, folder_ / "full").status()), reason::kFileExists);
  EXPECT_EQ(ReasonOf(registry_->StageLocation(id, folder_ / "file").status()), reason::kFileExists);
  EXPECT_EQ(ReasonOf(registry_->StageLocation(id, "relative").status()), reason::kInvalidArgument);
  registry_->RemoveStaging(id);
  EXPECT_TRUE(PathExists(folder_ / "full/x"));
}

TEST_F(LocationTest, OnlyOneDistroIsMadeThereAtATime) {
  const std::string first = NewUuid();
  const std::string second = NewUuid();
  ASSERT_TRUE(registry_->MakeStaging(first).ok());
  ASSERT_TRUE(registry_->MakeStaging(second).ok());
  ASSERT_TRUE(registry_->StageLocation(first, folder_ / "there").ok());
  EXPECT_EQ(ReasonOf(registry_->StageLocation(second, folder_ / "there").status()), reason::kFileExists);
  ASSERT_TRUE(MakeFolders(folder_ / "there/rootfs").ok());
  registry_->RemoveStaging(second);
  EXPECT_TRUE(PathExists(folder_ / "there/rootfs"));
  registry_->RemoveStaging(first);
  EXPECT_FALSE(PathExists(folder_ / "there"));
}

TEST_F(LocationTest, DeletionTakesOnlyWhatWslmMade) {
  ASSERT_TRUE(MakeFolders(folder_ / "users").ok());
  AddAt(folder_ / "users");
  ASSERT_TRUE(WriteFileAtomically(folder_ / "users/letter.txt", "dear").ok());
  ASSERT_TRUE(registry_->Remove(record_.id, false).ok());
  EXPECT_TRUE(PathExists(folder_ / "users/rootfs/etc"));
  ASSERT_TRUE(registry_->Recover("there", "").ok());
  ASSERT_TRUE(registry_->Remove(record_.id, true).ok());
  EXPECT_FALSE(PathExists(folder_ / "users/rootfs"));
  EXPECT_FALSE(PathExists(folder_ / "users/distro.json"));
  EXPECT_EQ(*ReadSmallFile(folder_ / "users/letter.txt"), "dear");
}

TEST_F(LocationTest, AFolderThatWslmMadeGoesWhenItIsEmptyAndAnEmptyOneOfTheUsersStays) {
  AddAt(folder_ / "made");
  ASSERT_TRUE(registry_->Remove(record_.id, true).ok());
  EXPECT_FALSE(PathExists(folder_ / "made"));
  ASSERT_TRUE(MakeFolders(folder_ / "users").ok());
  AddAt(folder_ / "users");
  ASSERT_TRUE(registry_->Remove(record_.id, true).ok());
  EXPECT_TRUE(IsEmptyFolder(folder_ / "users"));
}

TEST_F(LocationTest, AFolderThatNowHoldsAnotherDistroIsLeftAlone) {
  AddAt(folder_ / "made");
  DistroRecord other = *ReadRecord(folder_ / "made");
  other.id = NewUuid();
  ASSERT_TRUE(WriteRecord(folder_ / "made", other).ok());
  ASSERT_TRUE(registry_->Remove(record_.id, true).ok());
  EXPECT_TRUE(PathExists(folder_ / "made/rootfs/etc"));
}

TEST_F(LocationTest, ACrashDuringStagingEmptiesItAgain) {
  ASSERT_TRUE(MakeFolders(folder_ / "users").ok());
  for (const std::string& location : {folder_ / "made", folder_ / "users"}) {
    const std::string id = NewUuid();
    ASSERT_TRUE(registry_->MakeStaging(id).ok());
    ASSERT_TRUE(registry_->StageLocation(id, location).ok());
    ASSERT_TRUE(MakeFolders(location + "/rootfs/etc").ok());
    ASSERT_TRUE(MakeFolders(location + "/.wslm-new").ok());
    Reopen();
  }
  EXPECT_FALSE(PathExists(folder_ / "made"));
  EXPECT_TRUE(IsEmptyFolder(folder_ / "users"));
  EXPECT_TRUE(IsEmptyFolder(folder_ / "distros"));
}

// Mounts a small file system in a mount namespace of a child's own, and runs `body` there.
template <typename Body>
void OnSmallDisk(const std::string& folder, Body body) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=2m") != 0) {
      ::_exit(77);
    }
    ::_exit(body());
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "this container may not mount";
  EXPECT_EQ(status, 0);
}

void FillDisk(const std::string& folder) {
  const UniqueFd fd(::open((folder + "/filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const std::string block(4096, 'x');
  while (::write(fd.get(), block.data(), block.size()) > 0) {
  }
}

TEST(RegistryOnAFullDisk, DeletionWorksAndIsWrittenDown) {
  const TestFolder folder;
  OnSmallDisk(folder.path(), [&] {
    std::string ids[3];
    {
      absl::StatusOr<std::unique_ptr<Registry>> registry = Registry::Open(folder.path());
      if (!registry.ok()) return 1;
      for (std::string& id : ids) {
        id = NewUuid();
        DistroRecord record;
        record.id = id;
        record.name = "d" + id.substr(0, 8);
        if (!(*registry)->MakeStaging(id).ok() || !(*registry)->Publish(record).ok()) return 2;
      }
      FillDisk(folder.path());
      if (!(*registry)->WriteJournal({"delete", std::string(3000, 'x'), false}).ok()) return 3;
      if (!(*registry)->Remove(ids[0], false).ok()) return 4;
      FillDisk(folder.path());
      if (!(*registry)->Remove(ids[1], true).ok()) return 5;
      FillDisk(folder.path());
      // Without any room left a change of a record fails clearly, and the old one stays.
      DistroRecord record = (*registry)->Find(ids[2])->record;
      record.default_user = "ann";
      const absl::Status status = (*registry)->Update(record).status();
      if (ReasonOf(status) != reason::kDiskFull) return 6;
      if ((*registry)->Find(ids[2])->record.default_user != "") return 7;
    }
    const absl::StatusOr<std::unique_ptr<Registry>> registry = Registry::Open(folder.path());
    if (!registry.ok()) return 8;
    if ((*registry)->List().size() != 1 || (*registry)->default_id() != ids[2]) return 9;
    if ((*registry)->Trash().size() != 1 || (*registry)->Journal().size() != 1) return 10;
    if (!(*registry)->Remove(ids[2], true).ok()) return 11;
    return 0;
  });
}

TEST_F(RegistryTest, ManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      for (int j = 0; j < 5; ++j) {
        const std::string id = Add("d" + std::to_string(i) + "-" + std::to_string(j));
        registry_->List();
        if (j % 2 == 0) {
          EXPECT_TRUE(registry_->Remove(id, j % 4 == 0).ok());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(registry_->List().size(), 8u);
  Reopen();
  EXPECT_EQ(registry_->List().size(), 8u);
}

}  // namespace
}  // namespace wslm
