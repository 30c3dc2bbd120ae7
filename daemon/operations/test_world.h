// What tests of the operations on distros work with: a real registry with real files; only the runtimes are fakes.
#ifndef WSLM_DAEMON_OPERATIONS_TEST_WORLD_H_
#define WSLM_DAEMON_OPERATIONS_TEST_WORLD_H_

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/instances/fake_runtime.h"
#include "daemon/operations/clone.h"
#include "daemon/operations/convert.h"
#include "daemon/operations/delete.h"
#include "daemon/operations/distro_forms.h"
#include "daemon/operations/export.h"
#include "daemon/operations/import.h"
#include "daemon/operations/operation_manager.h"
#include "daemon/operations/recovery.h"
#include "daemon/operations/resize.h"
#include "daemon/operations/trim.h"
#include "distros/host/files.h"
#include "distros/host/remove_tree.h"
#include "distros/host/test_folder.h"
#include "distros/tree/transfer.h"
#include "google/rpc/error_details.pb.h"

namespace wslm::daemon {

inline void WriteFile(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

inline std::string ReasonOf(const v1::Operation& operation) {
  google::rpc::ErrorInfo info;
  if (!operation.has_error() || !operation.error().details(0).UnpackTo(&info)) return "";
  return info.reason();
}

// Of disks of version 2: small ones are checked in no time.
inline constexpr int64_t kDisk = int64_t{256} << 20;

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
    request.set_disk_size(version == 2 ? kDisk : 0);
    return Run(v1::OPERATION_KIND_IMPORT, request, PlanImport);
  }
  absl::StatusOr<v1::Operation> Convert(const std::string& name, int version) {
    v1::ConvertDistroRequest request;
    request.set_distro(name);
    request.set_version(static_cast<v1::DistroVersion>(version));
    return Run(v1::OPERATION_KIND_CONVERT, request, PlanConvert);
  }
  absl::StatusOr<v1::Operation> Clone(const std::string& name, const std::string& to, int version = 0,
                                      int64_t disk_size = 0) {
    v1::CloneDistroRequest request;
    request.set_distro(name);
    request.set_name(to);
    request.set_version(static_cast<v1::DistroVersion>(version));
    request.set_disk_size(disk_size);
    return Run(v1::OPERATION_KIND_CLONE, request, PlanClone);
  }
  absl::StatusOr<v1::Operation> Resize(const std::string& name, int64_t size) {
    v1::ResizeDistroRequest request;
    request.set_distro(name);
    request.set_disk_size(size);
    return Run(v1::OPERATION_KIND_RESIZE, request, PlanResize);
  }
  absl::StatusOr<v1::Operation> Trim(const std::string& name) {
    v1::TrimDistroRequest request;
    request.set_distro(name);
    return Run(v1::OPERATION_KIND_TRIM, request, PlanTrim);
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

// The journal and the files as a daemon leaves them that dies in the middle of `operation`.
inline void CutOff(World& world, const v1::Operation& operation, const std::function<void(JournalRecord&)>& change) {
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

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_TEST_WORLD_H_
