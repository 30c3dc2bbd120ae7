#include "runtime-v2/host/incidents.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "distros/host/error.h"
#include "distros/host/files.h"

namespace wslm {

using runtime::v1::Incident;

namespace {

constexpr size_t kKept = 5;

class NoticeObserver : public runtime::v1::StreamObserver {
 public:
  NoticeObserver(std::shared_ptr<Incidents> incidents, std::shared_ptr<Worker> worker)
      : incidents_(std::move(incidents)), worker_(std::move(worker)) {}

  void OnMessage(const runtime::v1::GuestMessage& message, size_t) override {
    if (!message.has_notice()) return;
    const runtime::v1::Notice& notice = message.notice();
    Incident incident;
    if (!notice.distro_id().empty()) incident.distro_ids.push_back(notice.distro_id());
    if (notice.kind() == runtime::v1::NOTICE_KIND_OUT_OF_MEMORY) {
      incident.kind = Incident::Kind::kOutOfMemory;
      incident.message = absl::StrCat("The VM ran out of memory, and ", Escaped(notice.process()),
                                      " was ended. 'memory' in wslm.conf gives the VM more.");
    } else if (notice.kind() == runtime::v1::NOTICE_KIND_READ_ONLY) {
      incident.kind = Incident::Kind::kDiskError;
      incident.message =
          "The distro's file system had an error and is read-only until the distro is started again. 'wslm terminate' "
          "stops it, 'wslm check' looks for what is wrong.";
    } else {
      return;
    }
    // The channel's thread serves all distros: who is told may wait for what waits for that thread.
    worker_->Post([incidents = incidents_, incident] { incidents->Add(incident); });
  }
  // With the VM.
  void OnEnd(const absl::Status&) override {}

 private:
  const std::shared_ptr<Incidents> incidents_;
  const std::shared_ptr<Worker> worker_;
};

}  // namespace

void Incidents::Add(const Incident& incident) {
  const std::lock_guard calling(calling_);
  {
    const std::lock_guard lock(mutex_);
    recent_.push_back({absl::Now(), incident.message});
    if (recent_.size() > kKept) recent_.pop_front();
  }
  if (callback_) callback_(incident);
}

std::vector<PastIncident> Incidents::recent() const {
  const std::lock_guard lock(mutex_);
  return {recent_.begin(), recent_.end()};
}

std::shared_ptr<runtime::v1::Stream> WatchNotices(Vm& vm, const std::shared_ptr<Incidents>& incidents,
                                                  const std::shared_ptr<Worker>& worker) {
  runtime::v1::OpenRequest request;
  request.mutable_notices_watch();
  return vm.channel()->Open(request, std::make_shared<NoticeObserver>(incidents, worker));
}

Incident DescribeDiskError(const std::string& distro_id, const std::string& image, bool no_space) {
  if (!no_space) {
    return {Incident::Kind::kDiskError,
            {distro_id},
            absl::StrCat("The host could not read or write the distro's disk ", Escaped(image),
                         ": look at the host's own disk. What was being written may be lost.")};
  }
  const auto left = FreeSpace(ParentPath(image));
  return {Incident::Kind::kDiskFull,
          {distro_id},
          absl::StrCat("The host has no room left for the distro's disk ", Escaped(image),
                       left.ok() ? absl::StrCat(" (", HumanSize(*left), " are free)") : "",
                       ": what was being written may be lost. Make room, then stop the distro with 'wslm terminate'; "
                       "it starts again with what it had.")};
}

}  // namespace wslm
