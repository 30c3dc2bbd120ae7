#include "runtime-v2/host/snapshot_maker.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/time/clock.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/host/host_facts.h"
#include "runtime-v2/host/snapshot_key.h"

namespace wslm {
namespace {

constexpr int kLowestPriority = 19;
// The kernel reports free memory two seconds after it became free.
constexpr absl::Duration kCalm = absl::Seconds(4);
constexpr absl::Duration kLongestUnrest = absl::Seconds(40);
constexpr absl::Duration kPoll = absl::Milliseconds(100);
// Smaller changes are no unrest.
constexpr int64_t kUnrest = 1 << 20;

absl::Status Cancelled() { return absl::CancelledError("The VM is needed."); }

absl::StatusOr<int64_t> BytesIn(const UniqueFd& memory) {
  struct stat status {};
  if (::fstat(memory.get(), &status) != 0) return absl::ErrnoToStatus(errno, "cannot look at the VM's memory");
  return int64_t{status.st_blocks} * 512;
}

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
    RETURN_IF_ERROR(WaitUntilCalm(*vm));
    ASSIGN_OR_RETURN(const UniqueFd state, MakeMemory("wslm-vm-state", 0));
    RETURN_IF_ERROR(vm->Save(state.get()));
    ASSIGN_OR_RETURN(const UniqueFd memory, vm->Memory());
    return store_.Save({.key = key, .tsc_khz = MeasureTscKhz()}, memory.get(), state.get());
  }();
  vm->Discard();
  return saved;
}

absl::Status SnapshotMaker::WaitUntilCalm(const Vm& vm) {
  ASSIGN_OR_RETURN(const UniqueFd memory, vm.Memory());
  ASSIGN_OR_RETURN(int64_t bytes, BytesIn(memory));
  const absl::Time begin = absl::Now();
  for (absl::Time since = begin; absl::Now() - since < kCalm && absl::Now() - begin < kLongestUnrest;) {
    if (cancelled_) return Cancelled();
    absl::SleepFor(kPoll);
    ASSIGN_OR_RETURN(const int64_t now, BytesIn(memory));
    if (std::abs(now - bytes) < kUnrest) continue;
    bytes = now;
    since = absl::Now();
  }
  return absl::OkStatus();
}

}  // namespace wslm
