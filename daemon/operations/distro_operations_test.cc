// Import, export, convert and delete.
#include "daemon/operations/test_world.h"
#include "gmock/gmock.h"

namespace wslm::daemon {
namespace {

TEST_F(DistroOperationsTest, AnImportedDistroIsRegisteredWithWhatItIs) {
  const auto operation = world_->Import("testix", archive_);
  ASSERT_TRUE(operation.ok()) << operation.status();
  ASSERT_TRUE(operation->has_response()) << operation->error().message();
  EXPECT_EQ(operation->response().distro().flavor(), "testix");
  EXPECT_EQ(operation->response().distro().os_version(), "7");
  EXPECT_TRUE(operation->response().distro().is_default());
  EXPECT_EQ(operation->response().distro().state(), v1::DISTRO_STATE_STOPPED);
  EXPECT_TRUE(PathExists(world_->registry->Find("TESTIX")->files_folder() + "/rootfs/etc/os-release"));
}

TEST_F(DistroOperationsTest, ANameThatExistsOrIsNoneIsRefusedAtOnce) {
  ASSERT_TRUE(world_->Import("testix", archive_)->has_response());
  EXPECT_EQ(wslm::ReasonOf(world_->Import("Testix", archive_).status()), "DISTRO_EXISTS");
  EXPECT_EQ(wslm::ReasonOf(world_->Import("-x", archive_).status()), "INVALID_NAME");
  EXPECT_EQ(wslm::ReasonOf(world_->Import("y", "relative.tar").status()), "INVALID_ARGUMENT");
}

TEST_F(DistroOperationsTest, WhatIsNoDistroIsRefusedAndLeavesNothing) {
  EXPECT_EQ(ReasonOf(*world_->Import("a", folder_ / "absent")), "FILE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(*world_->Import("a", folder_ / "root")), "UNSUPPORTED_FORMAT");
  WriteFile(folder_ / "text", "This is no archive at all, but a text that is long enough to be looked at.");
  EXPECT_EQ(ReasonOf(*world_->Import("a", folder_ / "text")), "UNSUPPORTED_FORMAT");
  ASSERT_EQ(::system(absl::StrCat("tar -cf ", folder_ / "empty.tar", " -T /dev/null").c_str()), 0);
  EXPECT_EQ(ReasonOf(*world_->Import("a", folder_ / "empty.tar")), "NOT_A_DISTRO");
  ASSERT_EQ(::system(absl::StrCat("head -c 60000 ", archive_, " > ", folder_ / "cut.tar").c_str()), 0);
  EXPECT_EQ(ReasonOf(*world_->Import("a", folder_ / "cut.tar", 2)), "CORRUPT_SOURCE");
  ExpectNothingRegistered();
  EXPECT_TRUE(world_->Import("a", archive_)->has_response()) << "the name is free";
}

TEST_F(DistroOperationsTest, FilesThatLookLikeNoDistroAreTakenWithAWarning) {
  ASSERT_EQ(::system(absl::StrCat("tar -C ", folder_ / "root/home", " -cf ", folder_ / "files.tar", " .").c_str()), 0);
  const auto operation = world_->Import("a", folder_ / "files.tar");
  ASSERT_TRUE(operation->has_response()) << operation->error().message();
  ASSERT_EQ(operation->warnings_size(), 1);
  EXPECT_THAT(operation->warnings(0), testing::HasSubstr("neither /bin/sh nor /etc/os-release"));
}

TEST_F(DistroOperationsTest, AnExportWhoseNameDoesNotSayWhatItIsIsRefused) {
  ASSERT_TRUE(world_->Import("a", archive_)->has_response());
  for (const char* name : {"x.foo", "x.tar.lz", "x.zip"}) {
    const auto refused = world_->Export("a", folder_ / name);
    EXPECT_EQ(wslm::ReasonOf(refused.status()), "UNSUPPORTED_FORMAT") << name;
    EXPECT_THAT(std::string(refused.status().message()), testing::HasSubstr(".tar.lz4"));
    EXPECT_FALSE(PathExists(folder_ / name));
  }
  for (const char* name : {"plain", "debian-12.5", "x.tar", "x.WSL", "x.TAR.zst"}) {
    EXPECT_TRUE(world_->Export("a", folder_ / name)->has_response()) << name;
  }
  v1::ExportDistroRequest request;
  request.set_distro("a");
  request.set_host_path(folder_ / "said.foo");
  request.set_format(v1::ARCHIVE_FORMAT_TAR);
  EXPECT_TRUE(world_->Run(v1::OPERATION_KIND_EXPORT, request, PlanExport)->has_response());
}

TEST_F(DistroOperationsTest, ALocationHoldsTheFilesAndIsEmptyAgainAfterAFailure) {
  const std::string location = folder_ / "elsewhere";
  EXPECT_TRUE(world_->Import("a", folder_ / "absent", 1, location)->has_error());
  EXPECT_FALSE(PathExists(location));
  ASSERT_TRUE(world_->Import("a", archive_, 2, location)->has_response());
  EXPECT_TRUE(PathExists(location + "/disk.img"));
  EXPECT_EQ(ReasonOf(*world_->Import("b", archive_, 1, location)), "FILE_EXISTS");
}

TEST_F(DistroOperationsTest, ConvertedThereAndBackADistroIsTheSame) {
  ASSERT_TRUE(world_->Import("a", archive_)->has_response());
  const std::string before = Digest("a");
  const std::string files = world_->registry->Find("a")->files_folder();

  auto operation = world_->Convert("a", 2);
  ASSERT_TRUE(operation.ok()) << operation.status();
  ASSERT_TRUE(operation->has_response()) << operation->error().message();
  EXPECT_EQ(operation->response().distro().version(), v1::DISTRO_VERSION_2);
  EXPECT_EQ(Digest("a"), before);
  EXPECT_FALSE(PathExists(files + "/rootfs"));
  EXPECT_FALSE(PathExists(files + "/.wslm-convert"));
  EXPECT_EQ(wslm::ReasonOf(world_->Convert("a", 2).status()), "ALREADY_THIS_VERSION");

  operation = world_->Convert("a", 1);
  ASSERT_TRUE(operation->has_response()) << operation->error().message();
  EXPECT_EQ(Digest("a"), before);
  EXPECT_FALSE(PathExists(files + "/disk.img"));
}

TEST_F(DistroOperationsTest, AnExportIsAnArchiveThatImportsAsTheSame) {
  ASSERT_TRUE(world_->Import("a", archive_)->has_response());
  const std::string target = folder_ / "out.tar.gz";
  const auto operation = world_->Export("a", target);
  ASSERT_TRUE(operation.ok()) << operation.status();
  ASSERT_TRUE(operation->has_response()) << operation->error().message();
  struct stat status {};
  ASSERT_EQ(::stat(target.c_str(), &status), 0);
  EXPECT_EQ(operation->response().export_().bytes(), status.st_size);
  EXPECT_EQ(operation->response().export_().sha256().size(), 32u);
  EXPECT_EQ(ReasonOf(*world_->Export("a", target)), "FILE_EXISTS");
  ASSERT_TRUE(world_->Import("b", target, 2)->has_response());
  EXPECT_EQ(Digest("a"), Digest("b"));
}

TEST_F(DistroOperationsTest, ADistroWithASessionIsNeitherExportedNorConverted) {
  ASSERT_TRUE(world_->Import("a", archive_)->has_response());
  const auto entry = *world_->registry->Find("a");
  ASSERT_TRUE(world_->instances.Acquire(entry, {}).ok());
  world_->v1.instance(entry.record.id)->fake_channel->AddSession("s-1", "bash");
  EXPECT_EQ(wslm::ReasonOf(world_->Convert("a", 2).status()), "DISTRO_RUNNING");
  EXPECT_EQ(wslm::ReasonOf(world_->Export("a", folder_ / "x.tar").status()), "DISTRO_RUNNING");
}

TEST_F(DistroOperationsTest, ADeletedDistroLiesInTheTrashAndAProtectedOneStays) {
  ASSERT_TRUE(world_->Import("a", archive_)->has_response());
  v1::DeleteDistroRequest request;
  request.set_distro("a");
  auto record = world_->registry->Find("a")->record;
  record.is_protected = true;
  ASSERT_TRUE(world_->registry->Update(record).ok());
  EXPECT_EQ(wslm::ReasonOf(world_->Run(v1::OPERATION_KIND_DELETE, request, PlanDelete).status()), "DISTRO_PROTECTED");
  record.is_protected = false;
  ASSERT_TRUE(world_->registry->Update(record).ok());
  EXPECT_TRUE(world_->Run(v1::OPERATION_KIND_DELETE, request, PlanDelete)->has_response());
  ExpectNothingRegistered();
  EXPECT_EQ(world_->registry->Trash().size(), 1u);
}

TEST_F(DistroOperationsTest, AConversionCutOffBeforeItsCommitIsUndone) {
  ASSERT_TRUE(world_->Import("a", archive_)->has_response());
  const std::string before = Digest("a");
  const std::string files = world_->registry->Find("a")->files_folder();
  const auto there = world_->Convert("a", 2);
  const auto back = world_->Convert("a", 1);
  ASSERT_TRUE(there->has_response() && back->has_response());
  // The first conversion, cut off with the new form in its place and the record not written.
  CutOff(*world_, *there, [](JournalRecord&) {});
  WriteFile(files + "/disk.img", "whole, but not the valid one");
  ASSERT_EQ(::mkdir((files + "/.wslm-convert").c_str(), 0700), 0);
  world_.reset();
  world_.emplace(folder_ / "data");
  EXPECT_EQ(ReasonOf(*world_->operations->Get(there->id())), "INTERRUPTED");
  EXPECT_EQ(Digest("a"), before);
  EXPECT_FALSE(PathExists(files + "/disk.img"));
  EXPECT_FALSE(PathExists(files + "/.wslm-convert"));
}

TEST_F(DistroOperationsTest, AConversionCutOffAfterItsCommitIsFinished) {
  ASSERT_TRUE(world_->Import("a", archive_)->has_response());
  const std::string before = Digest("a");
  const std::string files = world_->registry->Find("a")->files_folder();
  const auto there = world_->Convert("a", 2);
  ASSERT_TRUE(there->has_response());
  CutOff(*world_, *there, [](JournalRecord&) {});
  ASSERT_EQ(::mkdir((files + "/rootfs").c_str(), 0755), 0);
  WriteFile(files + "/metadata.db", "old");
  world_.reset();
  world_.emplace(folder_ / "data");
  EXPECT_TRUE(world_->operations->Get(there->id())->has_response());
  EXPECT_EQ(Digest("a"), before);
  EXPECT_FALSE(PathExists(files + "/rootfs"));
  EXPECT_FALSE(PathExists(files + "/metadata.db"));
}

TEST_F(DistroOperationsTest, TheOnlyFormThereIsIsNeverRemoved) {
  ASSERT_TRUE(world_->Import("a", archive_)->has_response());
  auto record = world_->registry->Find("a")->record;
  record.version = 2;
  ASSERT_TRUE(world_->registry->Update(record).ok());
  EXPECT_EQ(*SetAsideOtherForm(*world_->registry->Find("a")), "");
  EXPECT_TRUE(PathExists(world_->registry->Find("a")->files_folder() + "/rootfs/etc/os-release"));
}

TEST_F(DistroOperationsTest, AnImportThatWasCutOffIsUndoneOrWasDone) {
  const auto done = world_->Import("done", archive_);
  const auto without_user = world_->Import("undone", archive_);
  ASSERT_TRUE(done->has_response() && without_user->has_response());
  CutOff(*world_, *done, [](JournalRecord&) {});
  CutOff(*world_, *without_user, [](JournalRecord& record) { record.set_undo_registration(true); });
  world_.reset();
  world_.emplace(folder_ / "data");
  EXPECT_TRUE(world_->operations->Get(done->id())->has_response());
  EXPECT_EQ(ReasonOf(*world_->operations->Get(without_user->id())), "INTERRUPTED");
  EXPECT_TRUE(world_->registry->Find("done").ok());
  EXPECT_FALSE(world_->registry->Find("undone").ok());
}

TEST_F(DistroOperationsTest, AnExportThatWasCutOffLeavesNoPart) {
  ASSERT_TRUE(world_->Import("a", archive_)->has_response());
  const auto early = world_->Export("a", folder_ / "early.tar");
  const auto late = world_->Export("a", folder_ / "late.tar");
  std::string part;
  CutOff(*world_, *early, [&](JournalRecord& record) {
    record.clear_intended_response();
    part = record.leftover_files(0);
  });
  WriteFile(part, "half");
  CutOff(*world_, *late, [](JournalRecord&) {});
  world_.reset();
  world_.emplace(folder_ / "data");
  EXPECT_EQ(ReasonOf(*world_->operations->Get(early->id())), "INTERRUPTED");
  EXPECT_FALSE(PathExists(part));
  EXPECT_EQ(world_->operations->Get(late->id())->response().export_().sha256(), late->response().export_().sha256());
}

}  // namespace
}  // namespace wslm::daemon
