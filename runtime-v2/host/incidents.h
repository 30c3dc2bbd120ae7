// What goes wrong with the VM: told to the daemon, and the last of it kept for 'wslm status'.
#ifndef WSLM_RUNTIME_V2_HOST_INCIDENTS_H_
#define WSLM_RUNTIME_V2_HOST_INCIDENTS_H_

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "runtime-v2/host/vm.h"
#include "runtime-v2/host/worker.h"
#include "wslm/runtime/v1/instance.h"

namespace wslm {

struct PastIncident {
  absl::Time time;
  std::string message;
};

// Thread-safe.
class Incidents {
 public:
  using Callback = std::function<void(const runtime::v1::Incident&)>;

  // Once, before the first Add. May be null.
  void OnIncident(Callback callback) { callback_ = std::move(callback); }
  // Calls the callback, one at a time.
  void Add(const runtime::v1::Incident& incident);
  // The last few, oldest first.
  std::vector<PastIncident> recent() const;

 private:
  Callback callback_;
  std::mutex calling_;
  mutable std::mutex mutex_;
  std::deque<PastIncident> recent_;
};

// Adds what the VM's kernel says, on the worker's thread, until the result goes or the VM ends.
std::shared_ptr<runtime::v1::Stream> WatchNotices(Vm& vm, const std::shared_ptr<Incidents>& incidents,
                                                  const std::shared_ptr<Worker>& worker);

// Of a disk that QEMU could not read or write.
runtime::v1::Incident DescribeDiskError(const std::string& distro_id, const std::string& image, bool no_space);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_INCIDENTS_H_
