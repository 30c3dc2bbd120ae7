#include "runtime-v2/host/snapshot_maker.h"

#include <sys/resource.h>

#include <utility>

#include "distros/host/status_macros.h"
#include "runtime-v2/host/host_facts.h"
#include "runtime-v2/host/memory_calm.h"
#include "runtime-v2/host/snapshot_key.h"

namespace wslm {
namespace {

constexpr int kLowestPriority = 19;
constexpr absl::Duration kLongestUnrest = absl::Seconds(40);

}  // namespace

SnapshotMaker::SnapshotMaker(SnapshotStore store, VmPaths paths) : store_(std::move(store)), paths_(std::move(paths)) {
  Vm::Kill(paths_);
}

SnapshotMaker::~SnapshotMaker() {
  Cancel();
  Wait().IgnoreError();
}

void SnapshotMaker::Begin(Prepare prepare) {
  const std::lock_guard lock(mutex_);
  if (working_) return;
  if (thread_.joinable()) thread_.join();
  cancelled_ = false;
  working_ = true;
  thread_ = std::thread([this, prepare = std::move(prepare)] {
    // Of this thread, and of what it starts.
    ::setpriority(PRIO_PROCESS, 0, kLowestPriority);
    last_ = Make(prepare);
    working_ = false;
  });
}

void SnapshotMaker::Cancel() { cancelled_ = true; }

absl::Status SnapshotMaker::Wait() {
  const std::lock_guard lock(mutex_);
  if (thread_.joinable()) thread_.join();
  return last_;
}

absl::Status SnapshotMaker::Make(const Prepare& prepare) {
  ASSIGN_OR_RETURN(VmBootOptions options, prepare());
  ASSIGN_OR_RETURN(const std::string key, SnapshotKey(QemuOptionsOf(options)));
  if (store_.Has(key)) return absl::OkStatus();
  options.paths = paths_;
  options.give_up = [this] { return cancelled_.load(); };
  return Save(options, key);
}

absl::Status SnapshotMaker::Save(const VmBootOptions& options, const std::string& key) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Vm> vm, Vm::Boot(options));
  const absl::Status saved = [&]() -> absl::Status {
    // It answered. From here on it is alone, as it will be when it goes on.
    vm->Disconnect();
    RETURN_IF_ERROR(WaitUntilCalm(*vm, kLongestUnrest, options.give_up));
    ASSIGN_OR_RETURN(const UniqueFd state, MakeMemory("wslm-vm-state", 0));
    RETURN_IF_ERROR(vm->Save(state.get()));
    ASSIGN_OR_RETURN(const UniqueFd memory, vm->Memory());
    return store_.Save({.key = key, .tsc_khz = MeasureTscKhz()}, memory.get(), state.get());
  }();
  vm->Discard();
  return saved;
}

}  // namespace wslm
