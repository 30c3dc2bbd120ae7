// Import, export, convert and delete on a real registry with real files; only the runtimes are fakes.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/instances/fake_runtime.h"
#include "daemon/operations/convert.h"
#include "daemon/operations/delete.h"
#include "daemon/operations/distro_forms.h"
#include "daemon/operations/export.h"
#include "daemon/operations/import.h"
#include "daemon/operations/operation_manager.h"
#include "daemon/operations/recovery.h"
#include "distros/host/files.h"
#include "distros/host/remove_tree.h"
#include "distros/host/test_folder.h"
#include "distros/tree/transfer.h"
#include "google/rpc/error_details.pb.h"

namespace wslm::daemon {
namespace {

void WriteFile(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::string ReasonOf(const v1::Operation& operation) {
  google::rpc::ErrorInfo info;
  if (!operation.has_error() || !operation.error().details(0).UnpackTo(&info)) return "";
  return info.reason();
}

// All that operations work with, over one data folder. Made again, it is the next daemon.
struct World {
  explicit World(const std::string& data)
      : registry(*Registry::Open(data)),
        instances(v1, v2, locks, *log, {}, [](const std::string&) {}),
        views(*registry, instances, locks, events),
        deps{*registry, instances, locks, transfers, views, events, *log} {
    for (const auto& folder : FinishConversions(deps)) EXPECT_TRUE(RemoveTree(folder).ok());
    operations.emplace([this](const JournalEntry& entry) { return registry->WriteJournal(entry); }, events, *log);
    operations->Recover(registry->Journal(),
                        [this](const JournalRecord& record) { return RecoverOperation(record, deps); });
  }

  template <class Request, class Plan>
  absl::StatusOr<v1::Operation> Run(v1::OperationKind kind, const Request& request, Plan plan) {
    Request body = request;
    body.clear_request_id();
    auto begun = operations->Begin({.kind = kind, .request_id = request.request_id(), .body = body.SerializeAsString()},
                                   [&](const std::string& id) { return plan(request, id, deps); });
    if (!begun.ok()) return begun.status();
    for (int i = 0; i < 6000; ++i) {
      auto operation = operations->Get(begun->id());
      if (!operation.ok() || operation->state() == v1::OPERATION_STATE_DONE) return operation;
      absl::SleepFor(absl::Milliseconds(10));
    }
    return absl::DeadlineExceededError("the operation does not end");
  }

  absl::StatusOr<v1::Operation> Import(const std::string& name, const std::string& archive, int version = 1,
                                       const std::string& location = "") {
    v1::ImportDistroRequest request;
    request.set_name(name);
    request.set_host_path(archive);
    request.set_version(static_cast<v1::DistroVersion>(version));
    request.set_location(location);
    return Run(v1::OPERATION_KIND_IMPORT, request, PlanImport);
  }
  absl::StatusOr<v1::Operation> Convert(const std::string& name, int version) {
    v1::ConvertDistroRequest request;
    request.set_distro(name);
    request.set_version(static_cast<v1::DistroVersion>(version));
    return Run(v1::OPERATION_KIND_CONVERT, request, PlanConvert);
  }
  absl::StatusOr<v1::Operation> Export(const std::string& name, const std::string& archive) {
    v1::ExportDistroRequest request;
    request.set_distro(name);
    request.set_host_path(archive);
    return Run(v1::OPERATION_KIND_EXPORT, request, PlanExport);
  }

  std::unique_ptr<Log> log = NoLog();
  EventBus events{"boot"};
  FakeRuntime v1;
  FakeRuntime v2;
  DistroLocks locks;
  TransferRegistry transfers;
  std::unique_ptr<Registry> registry;
  InstanceManager instances;
  DistroViews views;
  const OperationDeps deps;
  std::optional<OperationManager> operations;
};

class DistroOperationsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::mkdir((folder_ / "data").c_str(), 0700), 0);
    const std::string root = folder_ / "root";
    for (const char* name : {"", "/bin", "/etc", "/home"}) ASSERT_EQ(::mkdir((root + name).c_str(), 0755), 0);
    WriteFile(root + "/bin/sh", "#!");
    WriteFile(root + "/etc/os-release", "ID=testix\nVERSION_ID=\"7\"\n");
    WriteFile(root + "/home/text", std::string(100000, 'x'));
    ASSERT_EQ(::symlink("text", (root + "/home/link").c_str()), 0);
    archive_ = folder_ / "distro.tar";
    ASSERT_EQ(::system(absl::StrCat("tar -C ", root, " -cf ", archive_, " .").c_str()), 0);
    world_.emplace(folder_ / "data");
  }

  std::string Digest(const std::string& name) {
    const auto entry = world_->registry->Find(name);
    EXPECT_TRUE(entry.ok()) << entry.status();
    const auto opened = OpenDistro(*entry, nullptr);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return DigestOf(*opened->source, {})->ToString();
  }

  void ExpectNothingRegistered() { EXPECT_TRUE(world_->registry->List().empty()); }

  TestFolder folder_;
  std::string archive_;
  std::optional<World> world_;
};

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
  ASSERT_EQ(::system(absl::StrCat("tar -C ", folder_ / "root/home", " -cf ", folder_ / "files.tar", " .").c_str()), 0);
  EXPECT_EQ(ReasonOf(*world_->Import("a", folder_ / "files.tar")), "NOT_A_DISTRO");
  ASSERT_EQ(::system(absl::StrCat("head -c 60000 ", archive_, " > ", folder_ / "cut.tar").c_str()), 0);
  EXPECT_EQ(ReasonOf(*world_->Import("a", folder_ / "cut.tar", 2)), "CORRUPT_SOURCE");
  ExpectNothingRegistered();
  EXPECT_TRUE(world_->Import("a", archive_)->has_response()) << "the name is free";
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

// The journal and the files as a daemon leaves them that dies in the middle of `operation`.
void CutOff(World& world, const v1::Operation& operation, const std::function<void(JournalRecord&)>& change) {
  for (const auto& entry : world.registry->Journal()) {
    if (entry.id != operation.id()) continue;
    JournalRecord record;
    ASSERT_TRUE(record.ParseFromString(entry.body));
    record.mutable_operation()->set_state(v1::OPERATION_STATE_RUNNING);
    record.mutable_operation()->clear_result();
    change(record);
    ASSERT_TRUE(world.registry->WriteJournal({entry.id, record.SerializeAsString(), false}).ok());
  }
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
