// What goes wrong with the VM: told to the daemon, and the last of it kept for 'wslm status'.
#ifndef WSLM_RUNTIME_V2_HOST_INCIDENTS_H_
#define WSLM_RUNTIME_V2_HOST_INCIDENTS_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "runtime-v2/host/vm.h"
#include "runtime-v2/host/worker.h"
#include "wslm/runtime/v1/instance.h"

namespace wslm {

struct PastIncident {
  absl::Time time;
  // Those that it is about.
  std::vector<std::string> distro_ids;
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

// Nothing: of no kind that is known.
std::optional<runtime::v1::Incident> DescribeNotice(const runtime::v1::Notice& notice);

// Who is over a limit may be so many times a second. Not thread-safe.
class NoticeLimit {
 public:
  // One of a kind in 30 s for each distro: how many were left out since the last one; nothing when this one is, too.
  std::optional<int> Admit(const runtime::v1::Notice& notice, absl::Time now);

 private:
  struct Told {
    absl::Time time;
    int left_out = 0;
  };
  std::map<std::pair<runtime::v1::NoticeKind, std::string>, Told> told_;
};

// Adds what the VM's kernel says, as often as NoticeLimit lets it and on the worker's thread, until the result goes or
// the VM ends.
std::shared_ptr<runtime::v1::Stream> WatchNotices(Vm& vm, const std::shared_ptr<Incidents>& incidents,
                                                  const std::shared_ptr<Worker>& worker);

runtime::v1::Incident DescribeDiskError(const DiskFault& fault);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_INCIDENTS_H_
