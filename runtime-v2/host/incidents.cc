#include "runtime-v2/host/incidents.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "distros/host/error.h"
#include "distros/host/files.h"

namespace wslm {

using runtime::v1::Incident;
using runtime::v1::Notice;

namespace {

constexpr size_t kKept = 5;
constexpr absl::Duration kBetweenAlike = absl::Seconds(30);
// The VM makes the names up.
constexpr size_t kMostRemembered = 1024;

// Empty: of no kind that is known.
std::string MessageOf(const Notice& notice) {
  const std::string process = Escaped(notice.process());
  switch (notice.kind()) {
    case runtime::v1::NOTICE_KIND_OUT_OF_MEMORY:
      return absl::StrCat("The VM ran out of memory, and ", process,
                          " was ended. 'memory' in wslm.conf gives the VM more.");
    case runtime::v1::NOTICE_KIND_MEMORY_LIMIT:
      if (notice.limited_cgroup().empty()) {
        return absl::StrCat("The distro reached its memory limit, and ", process,
                            " was ended. 'memory' in the section [wslm] of its /etc/wsl.conf is the limit.");
      }
      return absl::StrCat("Inside the distro, ", Escaped(notice.limited_cgroup()), " reached its memory limit, and ",
                          process,
                          " was ended. Who set the limit can raise it: MemoryMax of a systemd unit, --memory of a "
                          "container.");
    case runtime::v1::NOTICE_KIND_READ_ONLY:
      return "The distro's file system had an error and is read-only until the distro is started again. 'wslm "
             "terminate' stops it, 'wslm check' looks for what is wrong.";
    default:
      return "";
  }
}

std::string NameOf(const DiskFault& fault) {
  switch (fault.whose) {
    case DiskFault::Whose::kDistro:
      return absl::StrCat("the distro's disk ", Escaped(fault.image));
    case DiskFault::Whose::kMounted:
      return absl::StrCat("the disk ", Escaped(fault.image), " that is mounted as '", Escaped(fault.name), "'");
    case DiskFault::Whose::kSwap:
      break;
  }
  return "the VM's swap";
}

std::string FreeSpaceFor(const DiskFault& fault) {
  if (!fault.no_space || fault.image.empty()) return "";
  const auto left = FreeSpace(ParentPath(fault.image));
  return left.ok() ? absl::StrCat(" (", HumanSize(*left), " are free)") : "";
}

std::string AdviceFor(const DiskFault& fault) {
  if (fault.whose == DiskFault::Whose::kSwap) {
    return absl::StrCat(
        "programs whose memory was there may have ended. ",
        fault.no_space ? "Make room, or have less of it by 'swap' in wslm.conf." : "Look at the host's own disk.");
  }
  if (!fault.no_space) return "look at the host's own disk. What was being written may be lost.";
  if (fault.whose == DiskFault::Whose::kMounted) {
    return absl::StrCat("what was being written may be lost. Make room, then 'wslm unmount ", Escaped(fault.name),
                        "' and mount it again.");
  }
  return "what was being written may be lost. Make room, then stop the distro with 'wslm terminate'; it starts again "
         "with "
         "what it had.";
}

class NoticeObserver : public runtime::v1::StreamObserver {
 public:
  NoticeObserver(std::shared_ptr<Incidents> incidents, std::shared_ptr<Worker> worker)
      : incidents_(std::move(incidents)), worker_(std::move(worker)) {}

  void OnMessage(const runtime::v1::GuestMessage& message, size_t) override {
    if (!message.has_notice()) return;
    auto incident = DescribeNotice(message.notice());
    if (!incident) return;
    const auto left_out = limit_.Admit(message.notice(), absl::Now());
    if (!left_out) return;
    if (*left_out > 0) absl::StrAppend(&incident->message, " (", *left_out, " more like it before were not told.)");
    // The channel's thread serves all distros: who is told may wait for what waits for that thread.
    worker_->Post([incidents = incidents_, incident = *std::move(incident)] { incidents->Add(incident); });
  }
  // With the VM.
  void OnEnd(const absl::Status&) override {}

 private:
  const std::shared_ptr<Incidents> incidents_;
  const std::shared_ptr<Worker> worker_;
  NoticeLimit limit_;
};

}  // namespace

std::optional<Incident> DescribeNotice(const Notice& notice) {
  const std::string message = MessageOf(notice);
  if (message.empty()) return std::nullopt;
  Incident incident{.kind = notice.kind() == runtime::v1::NOTICE_KIND_READ_ONLY ? Incident::Kind::kDiskError
                                                                                : Incident::Kind::kOutOfMemory,
                    .message = message};
  if (!notice.distro_id().empty()) incident.distro_ids.push_back(notice.distro_id());
  return incident;
}

std::optional<int> NoticeLimit::Admit(const Notice& notice, absl::Time now) {
  if (told_.size() >= kMostRemembered) told_.clear();
  const auto [entry, first] = told_.try_emplace({notice.kind(), notice.distro_id()}, Told{.time = now});
  Told& told = entry->second;
  if (first) return 0;
  if (now - told.time < kBetweenAlike) {
    ++told.left_out;
    return std::nullopt;
  }
  told.time = now;
  return std::exchange(told.left_out, 0);
}

void Incidents::Add(const Incident& incident) {
  const std::lock_guard calling(calling_);
  {
    const std::lock_guard lock(mutex_);
    recent_.push_back({absl::Now(), incident.distro_ids, incident.message});
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

Incident DescribeDiskError(const DiskFault& fault) {
  Incident incident{
      .kind = fault.no_space ? Incident::Kind::kDiskFull : Incident::Kind::kDiskError,
      .message = absl::StrCat(fault.no_space ? "The host has no room left for " : "The host could not read or write ",
                              NameOf(fault), FreeSpaceFor(fault), ": ", AdviceFor(fault))};
  if (fault.whose == DiskFault::Whose::kDistro) incident.distro_ids.push_back(fault.name);
  return incident;
}

}  // namespace wslm
