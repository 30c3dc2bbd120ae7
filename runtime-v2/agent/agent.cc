#include "runtime-v2/agent/agent.h"

#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>
#include <vector>

#include "distros/host/error.h"
#include "runtime-v2/agent/boot.h"
#include "runtime-v2/agent/child_task.h"
#include "runtime-v2/agent/disk.h"
#include "runtime-v2/agent/host_mounts.h"
#include "runtime-v2/agent/log.h"
#include "runtime-v2/agent/sleep.h"

namespace wslm {

using runtime::v1::Frame;
using runtime::v1::FrameType;
using runtime::v1::OpenRequest;

namespace {

// Nothing tells of a new listener; a look costs two short reads.
constexpr std::chrono::milliseconds kPortPeriod{250};
constexpr absl::Duration kGrowTimeout = absl::Seconds(60);
// The programs in the distros stand still meanwhile. Both together are less than what the host waits for.
constexpr ChildLimit kSleepLimit{.after = std::chrono::seconds(60),
                                 .words = "The VM's disks were not written within a minute; try again."};
constexpr ChildLimit kWakeLimit{.after = std::chrono::seconds(30),
                                .words = "The host's folders could not be mounted within half a minute."};
// Of the VM's own time, which stands still in one that is saved. The host takes some seconds from here to that.
constexpr std::chrono::milliseconds kLongestSleep = std::chrono::minutes(2);
constexpr std::chrono::milliseconds kHostPeriod = std::chrono::seconds(2);
constexpr std::chrono::milliseconds kLongestGrace = std::chrono::hours(24);

absl::Status NotRunning() {
  return Error(absl::StatusCode::kUnavailable, reason::kRuntimeDied, "The distro is not running.");
}

absl::Status HeldBack() {
  return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroBusy,
               "The distro stands still: it is isolated, and after a hibernation that failed something in another "
               "distro keeps the host's folders. It goes on when that is gone.");
}

// A number that the host made up must not overflow the deadlines that are reckoned from it.
std::chrono::milliseconds GraceOf(const runtime::v1::DistroStop& stop) {
  return std::chrono::milliseconds(std::clamp<int64_t>(stop.grace_ms(), 0, kLongestGrace.count()));
}

}  // namespace

Agent::Agent(EventLoop& loop, Children& children, UniqueFd port)
    : loop_(loop),
      children_(children),
      host_(loop, std::move(port),
            HostPort::Handlers{
                .on_hello = [this](const runtime::v1::Hello& hello) { OnHello(hello); },
                .on_frame = [this](const Frame& frame) { OnFrame(frame); },
                .on_drained = [this] { OnDrained(); },
            }),
      kernel_log_(loop, [this](const KernelEvent& event) { OnKernelEvent(event); }),
      shared_disks_(loop, [this] { return SeersOfSharedDisks(); }),
      ports_(loop) {}

absl::Status Agent::Begin() {
  LogIfError("boot", kernel_log_.Begin());
  return host_.Begin();
}

void Agent::OnHello(const runtime::v1::Hello& hello) {
  ++epoch_;
  streams_.clear();
  watches_.clear();
  port_watches_.clear();
  notice_watches_.clear();
  if (hello.realtime_ns() != 0) LogIfError("hello", SetClock(hello.realtime_ns()));
  if (!hello.entropy().empty()) LogIfError("hello", AddEntropy(hello.entropy()));
  runtime::v1::HelloAck ack;
  ack.set_nonce(hello.nonce());
  ack.set_revision(runtime::v1::kRevision);
  ack.set_role(runtime::v1::PEER_ROLE_AGENT);
  ack.set_kernel_release(KernelRelease());
  for (const auto& [id, distro] : distros_) {
    if (distro->running()) ack.add_distro_ids(id);
    distro->SayHello();
  }
  host_.SendHelloAck(ack);
  // The VM was saved and goes on, or who wanted to save it is gone.
  Wake([](const absl::Status&) {});
}

void Agent::OnDrained() {
  for (const auto& [id, distro] : distros_) distro->SetPaused(false);
}

void Agent::OnFrame(const Frame& frame) {
  if (frame.type == FrameType::kOpen) return OnOpen(frame);
  const auto stream = streams_.find(frame.stream);
  if (stream == streams_.end()) {
    if (frame.type != FrameType::kStatus) return;
    watches_.erase(frame.stream);
    port_watches_.erase(frame.stream);
    notice_watches_.erase(frame.stream);
    return;
  }
  const auto distro = distros_.find(stream->second);
  if (distro != distros_.end()) distro->second->Send(frame);
  if (frame.type == FrameType::kStatus) streams_.erase(stream);
}

void Agent::OnOpen(const Frame& frame) {
  OpenRequest request;
  if (!request.ParseFromString(frame.payload)) {
    return End(frame.stream,
               Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument, "The request can't be read."));
  }
  if (request.has_distro_start()) return StartDistro(frame.stream, request.distro_start());
  if (request.has_power_off()) PowerOff();
  if (request.has_ports_watch()) return WatchPorts(frame.stream);
  if (request.has_notices_watch()) {
    notice_watches_.insert(frame.stream);
    return;
  }
  if (request.has_clock_set()) {
    const int64_t now = request.clock_set().realtime_ns();
    return End(frame.stream, now == 0 ? absl::OkStatus() : AdjustClock(now));
  }
  if (request.has_swap_on()) {
    return RunInChild(
        loop_, [wwid = request.swap_on().disk_wwid()](std::string&) { return SwapOn(wwid); },
        [done = Ending(frame.stream)](const absl::Status& status, const std::string&) { done(status); });
  }
  if (request.has_vm_sleep()) return Sleep(frame.stream);
  if (request.has_vm_wake()) return Wake(Ending(frame.stream));
  if (request.has_disk_mount()) return MountDisk(frame.stream, request.disk_mount());
  if (request.has_disk_unmount()) {
    return shared_disks_.Unmount(request.disk_unmount().name(), Ending(frame.stream));
  }
  const auto found = distros_.find(request.distro_id());
  if (found == distros_.end()) {
    return End(frame.stream, request.has_distro_stop() ? absl::OkStatus() : NotRunning());
  }
  Distro& distro = *found->second;
  if (request.has_distro_stop()) {
    return distro.Stop(GraceOf(request.distro_stop()), Ending(frame.stream));
  }
  if (request.has_disk_grow()) return GrowDisk(frame.stream, request.distro_id(), request.disk_grow().bytes());
  if (request.has_distro_watch()) {
    watches_[frame.stream] = request.distro_id();
    return;
  }
  if (!distro.connected()) return End(frame.stream, NotRunning());
  if (host_missing_ && distro.isolated()) return End(frame.stream, HeldBack());
  if (distro.clogged()) {
    return End(frame.stream, Error(absl::StatusCode::kResourceExhausted, reason::kStartFailed,
                                   "The distro does not keep up with what it is sent."));
  }
  streams_[frame.stream] = request.distro_id();
  distro.Send(frame);
}

void Agent::OnDistroFrame(const std::string& distro_id, const Frame& frame) {
  const auto stream = streams_.find(frame.stream);
  if (stream == streams_.end() || stream->second != distro_id) return;
  if (frame.type == FrameType::kStatus) streams_.erase(stream);
  host_.Send(frame.type, frame.flags, frame.stream, frame.payload);
  if (!host_.congested()) return;
  for (const auto& [id, distro] : distros_) distro->SetPaused(true);
}

void Agent::StartDistro(uint32_t stream, const runtime::v1::DistroStart& request) {
  // It would not stand still, and the host's device may be free.
  if (mode_ != Mode::kAwake) {
    when_awake_.push_back([this, stream, request, epoch = epoch_] {
      if (epoch == epoch_) StartDistro(stream, request);
    });
    return;
  }
  const std::string id = request.config().distro_id();
  // The id becomes a file name.
  if (id.empty() ||
      id.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") != std::string::npos) {
    return End(stream,
               Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument, "The distro's id is no id."));
  }
  if (distros_.contains(id)) {
    return End(stream, Error(absl::StatusCode::kAlreadyExists, reason::kDistroBusy, "The distro is there already."));
  }
  auto& distro = distros_[id];
  distro = std::make_unique<Distro>(loop_, children_, request,
                                    Distro::Handlers{
                                        .on_frame = [this, id](const Frame& frame) { OnDistroFrame(id, frame); },
                                        .on_init_gone = [this, id] { EndStreamsOf(id); },
                                        .on_gone = [this, id] { OnDistroGone(id); },
                                        .on_container = [this](pid_t init) { shared_disks_.ShowIn(init); },
                                    });
  distro->SetPaused(host_.congested());
  distro->Start(Ending(stream));
}

void Agent::GrowDisk(uint32_t stream, const std::string& distro_id, int64_t bytes) {
  const Distro& distro = *distros_.at(distro_id);
  if (!distro.running()) return End(stream, NotRunning());
  const auto done = Ending(stream);
  RunInChild(
      loop_,
      [disk = distro.disk(), root = RootOf(distro_id), bytes](std::string&) {
        return GrowFileSystem(disk, root, bytes, kGrowTimeout);
      },
      [done](const absl::Status& status, const std::string&) { done(status); });
}

void Agent::MountDisk(uint32_t stream, const runtime::v1::DiskMount& request) {
  shared_disks_.Mount(request,
                      [this, stream, epoch = epoch_](const absl::Status& status, const runtime::v1::MountedDisk& disk) {
                        if (epoch != epoch_) return;
                        runtime::v1::GuestMessage message;
                        *message.mutable_mounted_disk() = disk;
                        if (status.ok())
                          host_.Send(FrameType::kData, runtime::v1::kFlagNoCredit, stream, message.SerializeAsString());
                        End(stream, status);
                      });
}

std::vector<pid_t> Agent::SeersOfSharedDisks() const {
  std::vector<pid_t> inits;
  for (const auto& [id, distro] : distros_) {
    if (distro->init() > 0 && !distro->isolated()) inits.push_back(distro->init());
  }
  return inits;
}

std::function<void(const absl::Status&)> Agent::Ending(uint32_t stream) {
  return [this, stream, epoch = epoch_](const absl::Status& status) {
    if (epoch == epoch_) End(stream, status);
  };
}

void Agent::EndStreamsOf(const std::string& distro_id) {
  std::vector<uint32_t> ended;
  for (const auto& [stream, id] : streams_) {
    if (id == distro_id) ended.push_back(stream);
  }
  for (const uint32_t stream : ended) {
    streams_.erase(stream);
    End(stream, Error(absl::StatusCode::kUnavailable, reason::kRuntimeDied, "The distro ended."));
  }
}

void Agent::OnDistroGone(const std::string& distro_id) {
  std::erase_if(watches_, [&](const auto& watch) {
    if (watch.second != distro_id) return false;
    End(watch.first, absl::OkStatus());
    return true;
  });
  // Later: it is in one of its own functions.
  loop_.After(std::chrono::milliseconds(0), [this, distro_id] { distros_.erase(distro_id); });
}

void Agent::WatchPorts(uint32_t stream) {
  // An empty list is told, too.
  port_watches_[stream] = "not told yet";
  loop_.Cancel(port_timer_);
  LookAtPorts();
}

void Agent::LookAtPorts() {
  if (port_watches_.empty()) return;
  runtime::v1::GuestMessage message;
  message.mutable_ports();
  if (distros_.empty()) {
    ports_.Close();
  } else {
    *message.mutable_ports() = ports_.Look();
  }
  const std::string now = message.SerializeAsString();
  for (auto& [stream, told] : port_watches_) {
    // A host that doesn't listen gets the last when it does, not all that there were.
    if (told == now || host_.congested()) continue;
    told = now;
    host_.Send(FrameType::kData, 0, stream, now);
  }
  port_timer_ = loop_.After(kPortPeriod, [this] { LookAtPorts(); });
}

std::map<std::string, std::string> Agent::NamesOfDistros() const {
  std::map<std::string, std::string> names;
  for (const auto& [id, distro] : distros_) names[id] = distro->name();
  return names;
}

void Agent::Sleep(uint32_t stream) {
  const bool settled =
      std::all_of(distros_.begin(), distros_.end(), [](const auto& distro) { return distro.second->running(); });
  if (mode_ != Mode::kAwake || !settled) {
    return End(stream, Error(absl::StatusCode::kFailedPrecondition, reason::kDistroBusy,
                             "A distro is just starting or stopping."));
  }
  if (host_missing_) {
    return End(stream, Error(absl::StatusCode::kFailedPrecondition, reason::kDistroRunning,
                             "The host's folders are not back in the distros since the last time: something in the VM "
                             "keeps them."));
  }
  mode_ = Mode::kFallingAsleep;
  RunInChild(
      loop_, [names = NamesOfDistros()](std::string&) { return PutDistrosToSleep(names); },
      [this, epoch = epoch_, done = Ending(stream)](const absl::Status& status, const std::string&) {
        OnAsleep(status, epoch, done);
      },
      kSleepLimit);
}

void Agent::OnAsleep(const absl::Status& status, uint64_t epoch, const std::function<void(const absl::Status&)>& done) {
  mode_ = Mode::kAsleep;
  // However far it came, and also when it can't say: all goes on.
  if (!status.ok()) return Wake([done, status](const absl::Status&) { done(status); });
  done(status);
  // Nobody is there any more who would have it saved.
  if (epoch != epoch_ || std::exchange(wake_soon_, false)) return Wake([](const absl::Status&) {});
  // Or whoever was there has gone since, and nobody came. A HELLO that comes later finds it awake.
  sleep_timer_ = loop_.After(kLongestSleep, [this] {
    Log("sleep: nobody has saved the VM; it goes on.");
    Wake([](const absl::Status&) {});
  });
}

void Agent::Wake(std::function<void(const absl::Status&)> done) {
  wake_soon_ = mode_ == Mode::kFallingAsleep;
  if (mode_ != Mode::kAsleep) return done(absl::OkStatus());
  mode_ = Mode::kWaking;
  loop_.Cancel(sleep_timer_);
  RunInChild(
      loop_, [](std::string&) { return RemountHost(); },
      [this, done = std::move(done)](const absl::Status& status, const std::string&) {
        mode_ = Mode::kAwake;
        host_missing_ = !LogIfError("host folders", status);
        // Not in the child, which may have died.
        Thaw();
        if (host_missing_) loop_.After(kHostPeriod, [this] { BringHostBack(); });
        done(status);
        for (const auto& call : std::exchange(when_awake_, {})) call();
      },
      kWakeLimit);
}

void Agent::Thaw() {
  std::map<std::string, std::string> names = NamesOfDistros();
  for (const auto& [id, distro] : distros_) {
    if (!host_missing_ || !distro->isolated()) continue;
    names.erase(id);
    Log("wake: '" + Escaped(distro->name()) + "' is isolated and stands still until the host's folders are back.");
  }
  ThawDistros(names);
}

void Agent::BringHostBack() {
  RunInChild(
      loop_, [](std::string&) { return RemountHost(); },
      [this](const absl::Status& status, const std::string&) {
        host_missing_ = !status.ok();
        if (host_missing_) {
          loop_.After(kHostPeriod, [this] { BringHostBack(); });
        } else {
          Log("host folders: they are there again.");
          Thaw();
        }
      },
      kWakeLimit);
}

void Agent::OnKernelEvent(const KernelEvent& event) {
  runtime::v1::GuestMessage message;
  runtime::v1::Notice& notice = *message.mutable_notice();
  notice.set_kind(event.kind);
  notice.set_process(event.process);
  notice.set_limited_cgroup(event.limited_cgroup);
  notice.set_distro_id(event.distro_id);
  for (const auto& [id, distro] : distros_) {
    if (!event.disk.empty() && distro->disk() == "/dev/" + event.disk) notice.set_distro_id(id);
  }
  const std::string bytes = message.SerializeAsString();
  for (const uint32_t stream : notice_watches_) host_.Send(FrameType::kData, runtime::v1::kFlagNoCredit, stream, bytes);
}

void Agent::End(uint32_t stream, const absl::Status& status) {
  host_.Send(FrameType::kStatus, 0, stream, ToStreamEnd(status).SerializeAsString());
}

void Agent::PowerOff() {
  // The host stops the distros before; what still runs gets no more than clean file systems.
  ::kill(-1, SIGKILL);
  for (const auto& [id, distro] : distros_) {
    for (int i = 0; i < 100 && ::umount2(RootOf(id).c_str(), 0) != 0; ++i) ::usleep(10'000);
  }
  shared_disks_.UnmountAll();
  ::sync();
  ::reboot(RB_POWER_OFF);
  while (true) ::pause();
}

}  // namespace wslm
