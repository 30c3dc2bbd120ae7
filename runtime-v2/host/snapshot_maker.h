// Makes the snapshot that the next start goes on from, in the background, by a VM of its own that nobody has used: what
// distros did to a kernel ends with it.
//
//   SnapshotMaker maker(store, paths);
//   maker.Begin([] { return options; });   // after the VM that was used has ended
//   maker.Cancel();                        // before another is booted: its VM ends soon, beside the other
#ifndef WSLM_RUNTIME_V2_HOST_SNAPSHOT_MAKER_H_
#define WSLM_RUNTIME_V2_HOST_SNAPSHOT_MAKER_H_

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime-v2/host/snapshot_store.h"
#include "runtime-v2/host/vm.h"

namespace wslm {

// Thread-safe.
class SnapshotMaker {
 public:
  // `paths` are for its VM alone. Ends a VM that an earlier one left there.
  SnapshotMaker(SnapshotStore store, VmPaths paths);
  // Cancels, and waits.
  ~SnapshotMaker();

  // Begins, unless it has begun already. Does nothing where there is a snapshot. `prepare` is called on the maker's
  // thread, whose priority is the lowest; the options' paths don't count.
  using Prepare = std::function<absl::StatusOr<VmBootOptions>()>;
  void Begin(Prepare prepare);
  // Has what is under way end soon. Doesn't wait.
  void Cancel();
  // Waits for the end of what is under way; how the last one ended.
  absl::Status Wait();

 private:
  absl::Status Make(const Prepare& prepare);
  absl::Status Save(const VmBootOptions& options, const std::string& key);

  const SnapshotStore store_;
  const VmPaths paths_;
  // Guards all but `cancelled_`.
  std::mutex mutex_;
  std::thread thread_;
  absl::Status last_;
  std::atomic<bool> working_ = false;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_SNAPSHOT_MAKER_H_
