#include "daemon/daemon.h"

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/events/event_bus.h"
#include "daemon/hourly.h"
#include "daemon/instances/instance_manager.h"
#include "daemon/operations/operation_manager.h"
#include "daemon/operations/recovery.h"
#include "daemon/server/grpc_server.h"
#include "daemon/server/workers.h"
#include "daemon/services/disk_service.h"
#include "daemon/services/distro_service.h"
#include "daemon/services/distro_views.h"
#include "daemon/services/event_service.h"
#include "daemon/services/file_service.h"
#include "daemon/services/operation_service.h"
#include "daemon/services/session_service.h"
#include "daemon/services/system_service.h"
#include "daemon/services/transfer_service.h"
#include "daemon/sessions/attach_tokens.h"
#include "daemon/sessions/session_manager.h"
#include "daemon/transfers/transfer_registry.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/random_id.h"
#include "distros/host/remove_tree.h"
#include "distros/host/status_macros.h"
#include "distros/registry/registry.h"

namespace wslm::daemon {
namespace {

constexpr size_t kBootIdBytes = 8;
constexpr size_t kMaxWorkers = 256;
// For operations to roll back, and for clients to hear the end of their calls.
constexpr absl::Duration kRollBackTime = absl::Seconds(30);
constexpr absl::Duration kCallsTime = absl::Seconds(1);
constexpr absl::Duration kWorkTime = absl::Seconds(5);

// Negative: never.
absl::Duration DurationOf(std::optional<std::chrono::milliseconds> configured, absl::Duration otherwise) {
  if (!configured) return otherwise;
  return *configured < std::chrono::milliseconds(0) ? absl::InfiniteDuration() : absl::FromChrono(*configured);
}

InstanceManager::Timing TimingOf(const UserConfig& config) {
  InstanceManager::Timing timing;
  timing.idle_timeout = DurationOf(config.instance_idle_timeout, timing.idle_timeout);
  timing.vm_timeout = DurationOf(config.vm_idle_timeout, timing.vm_timeout);
  timing.hibernate_timeout = DurationOf(config.hibernate_timeout, timing.hibernate_timeout);
  return timing;
}

class WholeDaemon : public Daemon {
 public:
  WholeDaemon(std::unique_ptr<Registry> registry, std::unique_ptr<AttachTokens> tokens, const Home& home,
              const DaemonOptions& options, Runtimes runtimes, Log& log)
      : registry_(std::move(registry)),
        tokens_(std::move(tokens)),
        events_(RandomHex(kBootIdBytes)),
        workers_(kMaxWorkers),
        // It may be told on the thread of a channel, which must not be asked anything.
        instances_(runtimes.v1, runtimes.v2, locks_, log, TimingOf(options.config),
                   [this](const std::string& id) { workers_.Run([this, id] { DistroChanged(id); }); }),
        views_(*registry_, instances_, locks_, events_),
        sessions_(*registry_, instances_, *tokens_, events_, workers_, options.config.auto_proxy),
        operations_([this](const JournalEntry& entry) { return registry_->WriteJournal(entry); }, events_, log),
        deps_{*registry_, instances_, locks_, transfers_, views_, events_, log},
        disk_service_(runtimes.disks, workers_, log),
        distro_service_(deps_, operations_, workers_),
        event_service_(events_),
        file_service_(*registry_, instances_, workers_, runtimes.files_socket),
        operation_service_(operations_, workers_),
        session_service_(sessions_, workers_),
        system_service_({events_.boot_id(), options.socket_path, home.data, options.log_path, absl::Now()}, *registry_,
                        instances_, operations_, workers_, {runtimes.describe, options.request_stop}),
        transfer_service_(transfers_) {
    instances_.OnLimit([this](const std::string& id, const runtime::v1::LimitReached& limit) {
      return sessions_.LimitReached(id, limit);
    });
    instances_.OnIncident([this](const runtime::v1::Incident& incident) { sessions_.Incident(incident); });
    // It may take minutes; Stop leaves what takes so long.
    instances_.OnQuiet([this] { workers_.Run([this] { instances_.HibernateVm().status().IgnoreError(); }); });
    instances_.Adopt(registry_->List());
    std::vector<std::string> useless = FinishConversions(deps_);
    operations_.Recover(registry_->Journal(),
                        [this](const JournalRecord& record) { return RecoverOperation(record, deps_); });
    server_.emplace(std::vector<grpc::Service*>{&disk_service_, &distro_service_, &event_service_, &file_service_,
                                                &operation_service_, &session_service_, &system_service_,
                                                &transfer_service_});
    workers_.Run([&log, useless = std::move(useless)] {
      for (const auto& folder : useless) {
        if (const auto status = RemoveTree(folder); !status.ok()) {
          log.Error(absl::StrCat("cannot remove ", folder, ": ", status.message()));
        }
      }
    });
    caretaker_.emplace([this] {
      registry_->PurgeOldTrash();
      for (const std::string& id : tokens_->Distros()) ForgetSessionsOfStopped(id);
    });
  }

  ~WholeDaemon() override {
    caretaker_.reset();
    // No client, no change, no work: then nothing uses what goes next.
    server_.reset();
    instances_.Quiesce();
    workers_.WaitUntilIdle(absl::Hours(1));
  }

  void Serve(UniqueFd connection) override { server_->Serve(std::move(connection)); }

  bool Stop() override {
    const bool operations_ended = operations_.Stop(kRollBackTime);
    sessions_.Close(Error(absl::StatusCode::kUnavailable, reason::kShuttingDown,
                          "wslmd ends; a session that has begun goes on and can be attached to again."));
    server_->Shutdown(kCallsTime);
    instances_.Quiesce();
    // A distro or the VM may be starting; the next daemon adopts it or clears it away.
    return workers_.WaitUntilIdle(kWorkTime) && operations_ended;
  }

 private:
  void DistroChanged(const std::string& id) {
    ForgetSessionsOfStopped(id);
    views_.Publish(id, v1::CHANGE_KIND_UPDATED);
  }

  // A distro that is not running has no session to attach to.
  void ForgetSessionsOfStopped(const std::string& id) {
    if (instances_.StateOf(id) == v1::DISTRO_STATE_STOPPED) tokens_->ForgetAllBut(id, {});
  }

  const std::unique_ptr<Registry> registry_;
  const std::unique_ptr<AttachTokens> tokens_;
  EventBus events_;
  DistroLocks locks_;
  TransferRegistry transfers_;
  Workers workers_;
  InstanceManager instances_;
  DistroViews views_;
  SessionManager sessions_;
  OperationManager operations_;
  const OperationDeps deps_;
  DiskService disk_service_;
  DistroService distro_service_;
  EventService event_service_;
  FileService file_service_;
  OperationService operation_service_;
  SessionService session_service_;
  SystemService system_service_;
  TransferService transfer_service_;
  std::optional<GrpcServer> server_;
  std::optional<Hourly> caretaker_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const Home& home, const DaemonOptions& options, Runtimes runtimes,
                                                      Log& log) {
  ASSIGN_OR_RETURN(auto registry, Registry::Open(home.data));
  ASSIGN_OR_RETURN(auto tokens, AttachTokens::Open(home.run + "/sessions"));
  for (const RegistryEntry& entry : registry->List()) {
    if (!entry.broken_reason.empty()) {
      log.Error(
          absl::StrCat("distro ", entry.record.name, " (", entry.record.id, ") is broken: ", entry.broken_reason));
    }
  }
  return std::make_unique<WholeDaemon>(std::move(registry), std::move(tokens), home, options, std::move(runtimes), log);
}

}  // namespace wslm::daemon
