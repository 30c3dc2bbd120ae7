#include "runtime-v2/host/runtime_v2.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "distros/config/hosts_file.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/image_lock.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/host/accelerator.h"
#include "runtime-v2/host/hibernation.h"
#include "runtime-v2/host/host_facts.h"
#include "runtime-v2/host/initramfs.h"
#include "runtime-v2/host/instance_v2.h"
#include "runtime-v2/host/kernel.h"
#include "runtime-v2/host/kernel_choice.h"
#include "runtime-v2/host/log_bound.h"
#include "runtime-v2/host/machine.h"
#include "runtime-v2/host/port_forwards.h"
#include "runtime-v2/host/process.h"
#include "runtime-v2/host/shared_disks.h"
#include "runtime-v2/host/snapshot_key.h"
#include "runtime-v2/host/snapshot_maker.h"
#include "runtime-v2/host/snapshot_store.h"
#include "runtime-v2/host/swap_file.h"
#include "runtime-v2/host/vm.h"
#include "runtime-v2/host/worker.h"
#include "runtime-v2/modules/vm_names.h"

namespace wslm {

using runtime::v1::Channel;
using runtime::v1::DistroStart;
using runtime::v1::Incident;
using runtime::v1::Instance;
using runtime::v1::InstanceConfig;
using runtime::v1::OpenRequest;
using runtime::v1::SharedDisk;
using runtime::v1::StartSpec;

namespace {

// Of a boot by KVM, till the agent's sign of life.
constexpr absl::Duration kPatienceKvm = absl::Seconds(3);
// About one emulated boot in some hundred on a busy machine stands still for ever; the next one doesn't.
constexpr absl::Duration kPatienceOnce = absl::Seconds(40);
// The agent's own deadlines (disk 30 s, init 60 s) are shorter.
constexpr absl::Duration kDistroStartTimeout = absl::Minutes(2);
constexpr absl::Duration kCleanUpGrace = absl::Seconds(2);
// Of the console's log, and of ports that could not be had.
constexpr absl::Duration kCarePeriod = absl::Seconds(10);
constexpr absl::Duration kStopTimeout = absl::Minutes(2);
constexpr absl::Duration kClockTimeout = absl::Seconds(2);
constexpr absl::Duration kSwapTimeout = absl::Minutes(1);
// For a VM that was left: how long the daemon waits for it before it serves, and how long a start does.
constexpr absl::Duration kFirstAdoption = absl::Seconds(3);
constexpr absl::Duration kAdoptionPatience = absl::Seconds(30);
// Each try takes longer than the last: a VM that needs long to answer must not be asked anew just before it does.
constexpr absl::Duration kLongestAdoption = absl::Minutes(5);
constexpr absl::Duration kBetweenAdoptions = absl::Milliseconds(500);

// The VM's clock stands still while the host sleeps or QEMU is stopped, and is not quite as fast as the host's.
void SendClock(Channel& channel) {
  OpenRequest request;
  // First without a time: one that a VM which doesn't run gets much later is wrong.
  request.mutable_clock_set();
  if (!channel.Call(request, kClockTimeout).ok()) return;
  request.mutable_clock_set()->set_realtime_ns(absl::GetCurrentTimeNanos());
  channel.Call(request, kClockTimeout).status().IgnoreError();
}

void LeavePasst(Vm& vm, Incidents& incidents) {
  if (vm.dead() || !vm.LeavePasst().ok()) return;
  incidents.Add({Incident::Kind::kNetwork,
                 {},
                 "passt ended, and with it what the VM was connected to outside. New connections go by QEMU's user "
                 "network until the VM is started again."});
}

std::string CantGoOn(const absl::Status& why, const char* then) {
  const std::string message(why.message());
  return absl::StrCat("The hibernated VM can't go on: ", message, message.ends_with('.') ? " " : ". ", then);
}

class RuntimeV2Impl : public RuntimeV2 {
 public:
  RuntimeV2Impl(const Home& home, const VmSettings& settings)
      : home_(home),
        settings_(settings),
        paths_{.control_socket = home.SocketPath("v2/control.sock"),
               .qmp_socket = home.SocketPath("v2/qmp.sock"),
               .record = home.run + "/v2/vm.json",
               .console_log = home.state + "/vm-console.log"},
        worker_(std::make_shared<Worker>(kCarePeriod,
                                         [log = paths_.console_log, forwards = forwards_, clock = clock_] {
                                           BoundLog(log);
                                           if (const auto now = forwards->load()) now->Retry();
                                           if (const auto now = clock->load()) SendClock(*now);
                                         })),
        snapshots_(home.cache + "/snapshots"),
        maker_(snapshots_, {.control_socket = home.SocketPath("v2/snapshot-control.sock"),
                            .qmp_socket = home.SocketPath("v2/snapshot-qmp.sock"),
                            .record = home.run + "/v2/snapshot-vm.json",
                            .console_log = home.state + "/snapshot-console.log"}),
        hibernation_(home.state + "/hibernated") {
    ShowHibernation();
  }
  ~RuntimeV2Impl() override;

  absl::StatusOr<std::shared_ptr<Instance>> Start(const StartSpec& spec,
                                                  std::function<void(const std::string&)> note) override;
  std::vector<std::shared_ptr<Instance>> Adopt() override;
  Unanswered AdoptLater(Found found) override;
  void OnIncident(std::function<void(const Incident&)> callback) override {
    incidents_->OnIncident(std::move(callback));
  }
  absl::Status Shutdown() override;
  absl::StatusOr<bool> ShutdownIfUnneeded() override;
  absl::Status Hibernate() override;
  std::vector<std::string> hibernated() const override;
  absl::Status Wake(Note note) override;
  void GiveUpHibernated() override;
  void OnWoken(Found callback) override { woken_ = std::move(callback); }
  void End() override;
  bool needed() const override;
  VmStatus status() const override;
  absl::StatusOr<SharedDisk> MountDisk(const SharedDisk& wanted, UniqueFd file, const std::string& driver,
                                       const Note& note) override;
  absl::Status UnmountDisk(const std::string& name) override;
  std::vector<SharedDisk> shared_disks() const override;

 private:
  // The VM, booted when there is none.
  absl::StatusOr<std::shared_ptr<Vm>> EnsureVm(const Note& note);
  absl::StatusOr<std::shared_ptr<Vm>> BootEmulated(const VmBootOptions& options, const Note& note) const;
  absl::StatusOr<std::shared_ptr<Vm>> BootVm(const Note& note);
  absl::StatusOr<VmBootOptions> PrepareBoot(const Note& note) const;
  absl::Status MakeOwnFolders() const;
  // Those that every VM has in common.
  VmBootOptions OwnOptions() const;
  // With boot_mutex_ held. Error: why it can't go on now.
  absl::Status WakeVm(const Note& note);
  // With boot_mutex_ held: lets others see what sleeps.
  void ShowHibernation();
  // It has ended, or is to: nobody uses it from here on.
  void LetGoOfVm();
  // Goes on from a snapshot; null when there is none that does.
  std::shared_ptr<Vm> RestoreVm(const VmBootOptions& options, const Note& note);
  absl::StatusOr<std::shared_ptr<Instance>> StartIn(const std::shared_ptr<Vm>& vm, const StartSpec& spec);
  std::shared_ptr<InstanceV2> AddInstance(const std::string& distro_id, const std::shared_ptr<Vm>& vm);
  void TakeVm(std::shared_ptr<Vm> vm);
  void AddSwap(Vm& vm);
  std::vector<std::shared_ptr<Instance>> AdoptDistros(const std::shared_ptr<Vm>& vm);
  // The thread of a VM that does not answer.
  void KeepAdopting(const Found& found);
  absl::Status WaitForAdoption(const Note& note);
  void EndUnanswered();
  // False: it was left, since somebody needs it. `despite_disks`: those that are mounted count for nothing.
  bool EndVm(bool despite_disks);
  // null when none runs.
  std::shared_ptr<Vm> LiveVm() const;
  void OnVmDied();
  void TellEnd(Vm& vm, const std::map<std::string, std::weak_ptr<InstanceV2>>& instances);

  const Home home_;
  const VmSettings settings_;
  const VmPaths paths_;
  // None where no VM runs, or the user wants none. The worker has it too, which may outlive us.
  const std::shared_ptr<std::atomic<std::shared_ptr<PortForwards>>> forwards_ =
      std::make_shared<std::atomic<std::shared_ptr<PortForwards>>>();
  // The channel of the VM whose clock is kept right, if there is one.
  const std::shared_ptr<std::atomic<std::shared_ptr<Channel>>> clock_ =
      std::make_shared<std::atomic<std::shared_ptr<Channel>>>();
  const std::shared_ptr<Worker> worker_;
  const SnapshotStore snapshots_;
  SnapshotMaker maker_;
  // Guarded by boot_mutex_.
  Hibernation hibernation_;
  Found woken_;
  const std::shared_ptr<Incidents> incidents_ = std::make_shared<Incidents>();

  // Held while a VM is booted, adopted or shut down: one at a time.
  std::mutex boot_mutex_;
  // The key of the snapshot that the VM went on from, if this process had it do so.
  std::string restored_from_;
  mutable std::mutex mutex_;
  std::shared_ptr<Vm> vm_;
  // Not let go of under the lock: that waits for the observer's call.
  std::shared_ptr<runtime::v1::Stream> notices_;
  std::map<std::string, std::weak_ptr<InstanceV2>> instances_;
  // Starts under way.
  int starting_ = 0;
  VmStatus status_;
  std::vector<std::string> hibernated_;
  // Why the VM that was left did not answer; OK when it did, or there was none.
  absl::Status unanswered_;
  std::thread adopter_;
  bool adopting_ = false;
  // Somebody wants the VM ended at once.
  bool stop_adopting_ = false;
  // The VM that is ended by order.
  std::weak_ptr<Vm> ordered_end_;
  std::condition_variable adoption_changed_;
};

RuntimeV2Impl::~RuntimeV2Impl() {
  {
    const std::lock_guard lock(mutex_);
    stop_adopting_ = true;
  }
  adoption_changed_.notify_all();
  if (adopter_.joinable()) adopter_.join();
  // The VM and its distros go on; the worker, which instances may keep alive, must not find us gone.
  std::shared_ptr<runtime::v1::Stream> notices;
  {
    const std::lock_guard lock(mutex_);
    notices = std::exchange(notices_, nullptr);
    if (vm_ != nullptr) {
      vm_->OnDied([] {});
      vm_->OnDiskError(nullptr);
    }
  }
  notices.reset();
  worker_->Drain();
}

absl::StatusOr<std::shared_ptr<Instance>> RuntimeV2Impl::Start(const StartSpec& spec, Note note) {
  RETURN_IF_ERROR(CheckHostForV2());
  {
    const std::lock_guard lock(mutex_);
    ++starting_;
  }
  auto instance = [&]() -> absl::StatusOr<std::shared_ptr<Instance>> {
    ASSIGN_OR_RETURN(const std::shared_ptr<Vm> vm, EnsureVm(note));
    return StartIn(vm, spec);
  }();
  const std::lock_guard lock(mutex_);
  --starting_;
  return instance;
}

absl::StatusOr<std::shared_ptr<Instance>> RuntimeV2Impl::StartIn(const std::shared_ptr<Vm>& vm, const StartSpec& spec) {
  const std::string& id = spec.config.distro_id();
  ASSIGN_OR_RETURN(UniqueFd image, LockImage(spec.image));
  OpenRequest request;
  request.set_distro_id(id);
  DistroStart& start = *request.mutable_distro_start();
  *start.mutable_config() = spec.config;
  if (start.config().resolv_conf().empty())
    start.mutable_config()->set_resolv_conf(ResolvConf(ReadSmallFile("/etc/resolv.conf").value_or("")));
  if (start.config().hosts().empty()) {
    start.mutable_config()->set_hosts(
        HostsFile(spec.config.hostname(), kHostAddress, ReadSmallFile("/etc/hosts").value_or("")));
  }
  ASSIGN_OR_RETURN(*start.mutable_disk_wwid(), vm->AttachDisk(id, std::move(image), spec.image_driver));
  const absl::Status started = vm->channel()->Call(request, kDistroStartTimeout).status();
  if (started.ok()) return AddInstance(id, vm);
  const bool lacked_space = vm->LackedSpace(id);
  // The agent has cleaned up when it could answer.
  if (absl::IsDeadlineExceeded(started)) {
    OpenRequest stop;
    stop.set_distro_id(id);
    stop.mutable_distro_stop()->set_grace_ms(0);
    vm->channel()->Call(stop, kStopTimeout).status().IgnoreError();
  }
  vm->DetachDisk(id).IgnoreError();
  if (!lacked_space) return started;
  const DiskFault fault{.name = id, .image = spec.image, .no_space = true};
  return Error(absl::StatusCode::kResourceExhausted, reason::kDiskFull, DescribeDiskError(fault).message,
               {{"path", spec.image}});
}

std::shared_ptr<InstanceV2> RuntimeV2Impl::AddInstance(const std::string& distro_id, const std::shared_ptr<Vm>& vm) {
  auto instance = InstanceV2::Make(distro_id, vm, worker_);
  const std::lock_guard lock(mutex_);
  instances_[distro_id] = instance;
  // OnVmDied has been here already.
  if (vm_ != vm) worker_->Post([instance] { instance->Finish().IgnoreError(); });
  return instance;
}

absl::StatusOr<std::shared_ptr<Vm>> RuntimeV2Impl::EnsureVm(const Note& note) {
  RETURN_IF_ERROR(WaitForAdoption(note));
  const std::lock_guard boot_lock(boot_mutex_);
  RETURN_IF_ERROR(WakeVm(note));
  {
    const std::lock_guard lock(mutex_);
    if (vm_ != nullptr && !vm_->dead()) return vm_;
  }
  ASSIGN_OR_RETURN(std::shared_ptr<Vm> vm, BootVm(note));
  TakeVm(vm);
  if (settings_.swap_bytes > 0) worker_->Post([this, vm] { AddSwap(*vm); });
  return vm;
}

void RuntimeV2Impl::AddSwap(Vm& vm) {
  const absl::Status added = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(UniqueFd swap, MakeSwapFile(home_.state, settings_.swap_bytes));
    OpenRequest request;
    ASSIGN_OR_RETURN(*request.mutable_swap_on()->mutable_disk_wwid(), vm.AttachSwap(std::move(swap)));
    return vm.channel()->Call(request, kSwapTimeout).status();
  }();
  if (added.ok() || vm.dead()) return;
  incidents_->Add({Incident::Kind::kDiskError, {}, "The VM has no swap: " + std::string(added.message())});
}

absl::Status RuntimeV2Impl::MakeOwnFolders() const {
  RETURN_IF_ERROR(MakeFolders(ParentPath(paths_.record)));
  RETURN_IF_ERROR(MakeFolders(ParentPath(paths_.control_socket)));
  return MakeFolders(home_.state);
}

VmBootOptions RuntimeV2Impl::OwnOptions() const {
  return {.paths = paths_, .qemu = FindProgram(HostMachine().qemu), .settings = settings_};
}

absl::StatusOr<VmBootOptions> RuntimeV2Impl::PrepareBoot(const Note& note) const {
  RETURN_IF_ERROR(MakeOwnFolders());
  VmBootOptions options = OwnOptions();
  ASSIGN_OR_RETURN(options.kernel, ChooseKernel(settings_.kernel, home_.cache, note));
  const InitramfsParts parts{.agent = ProgramPath("wslm-agent"),
                             .init = ProgramPath("wslm-init"),
                             .boot_modules = options.kernel.boot_modules};
  if (parts.agent.empty() || parts.init.empty()) {
    return Error(absl::StatusCode::kInternal, reason::kInternal,
                 "wslm-agent or wslm-init is missing: install wslm anew, or set WSLM_LIBEXEC to their folder.");
  }
  ASSIGN_OR_RETURN(options.initramfs, EnsureInitramfs(parts, home_.cache + "/kernel"));
  options.accelerator = ChooseAccelerator(home_.cache);
  options.network = ChooseNetwork(settings_.network);
  return options;
}

std::shared_ptr<Vm> RuntimeV2Impl::RestoreVm(const VmBootOptions& options, const Note& note) {
  const auto key = SnapshotKey(QemuOptionsOf(options));
  if (!key.ok() || !snapshots_.Has(*key)) return nullptr;
  auto vm = Vm::Restore(options, [&](int memory, int state) { return snapshots_.Load(*key, memory, state); });
  if (vm.ok()) {
    restored_from_ = *key;
    return *std::move(vm);
  }
  // It is of no use, whatever the reason: the next one is made when this VM ends.
  note(absl::StrCat("without a snapshot of the VM (", Escaped(std::string(vm.status().message())), ")"));
  snapshots_.Remove(*key);
  return nullptr;
}

absl::StatusOr<std::shared_ptr<Vm>> RuntimeV2Impl::BootEmulated(const VmBootOptions& options, const Note& note) const {
  note("booting the VM (tcg)");
  VmBootOptions once = options;
  once.patience = kPatienceOnce;
  auto vm = Vm::Boot(once);
  if (vm.ok() || !absl::IsDeadlineExceeded(vm.status())) return vm;
  note("booting the VM again, which stood still");
  return Vm::Boot(options);
}

absl::StatusOr<std::shared_ptr<Vm>> RuntimeV2Impl::BootVm(const Note& note) {
  maker_.Cancel();
  ASSIGN_OR_RETURN(VmBootOptions options, PrepareBoot(note));
  restored_from_.clear();
  if (auto restored = RestoreVm(options, note)) return restored;
  if (!options.accelerator.kvm) return BootEmulated(options, note);
  note("booting the VM (kvm)");
  VmBootOptions quick = options;
  quick.patience = kPatienceKvm;
  auto vm = Vm::Boot(quick);
  if (vm.ok()) return vm;
  options.accelerator = {.kvm = false,
                         .reason = "KVM on this host did not boot the VM (" + std::string(vm.status().message()) +
                                   "), so the VM is emulated until the host boots again."};
  auto emulated = BootEmulated(options, note);
  // What boots neither way is no fault of KVM's.
  if (emulated.ok()) RememberKvmFailure(home_.cache, options.accelerator.reason);
  return emulated;
}

void RuntimeV2Impl::TakeVm(std::shared_ptr<Vm> vm) {
  const Accelerator accelerator = vm->accelerator();
  {
    const std::lock_guard lock(mutex_);
    vm_ = vm;
    status_ = {.running = true,
               .accelerator = accelerator.kvm ? "kvm" : "tcg",
               .accelerator_reason = accelerator.reason,
               .kernel_release = vm->channel()->peer().kernel_release(),
               .restored = vm->restored()};
  }
  if (settings_.localhost_forwarding) forwards_->store(PortForwards::Start(vm, worker_));
  std::shared_ptr<runtime::v1::Stream> notices = WatchNotices(*vm, incidents_, worker_);
  {
    const std::lock_guard lock(mutex_);
    notices_.swap(notices);
  }
  clock_->store(vm->channel());
  vm->OnDiskError([incidents = incidents_, worker = worker_](const DiskFault& fault) {
    worker->Post([incidents, fault] { incidents->Add(DescribeDiskError(fault)); });
  });
  vm->OnPasstEnded([vm = std::weak_ptr<Vm>(vm), incidents = incidents_, worker = worker_] {
    worker->Post([vm, incidents] {
      if (const auto alive = vm.lock()) LeavePasst(*alive, *incidents);
    });
  });
  // Not on the VM's own thread, which the VM's destructor joins.
  vm->OnDied([this, worker = worker_] { worker->Post([this] { OnVmDied(); }); });
}

void RuntimeV2Impl::OnVmDied() {
  const std::lock_guard boot_lock(boot_mutex_);
  std::shared_ptr<Vm> vm;
  bool ordered = false;
  std::shared_ptr<runtime::v1::Stream> notices;
  std::map<std::string, std::weak_ptr<InstanceV2>> instances;
  {
    const std::lock_guard lock(mutex_);
    if (vm_ == nullptr || !vm_->dead()) return;
    vm = std::exchange(vm_, nullptr);
    ordered = ordered_end_.lock() == vm;
    notices = std::exchange(notices_, nullptr);
    instances = std::exchange(instances_, {});
    status_.running = false;
  }
  notices.reset();
  forwards_->store(nullptr);
  clock_->store(nullptr);
  // It may have been the snapshot's fault.
  if (!restored_from_.empty()) snapshots_.Remove(std::exchange(restored_from_, ""));
  // A QEMU that lives on without its agent is ended here; what it left is removed.
  vm->PowerOff();
  if (!ordered) TellEnd(*vm, instances);
  for (const auto& [id, instance] : instances) {
    if (const auto alive = instance.lock()) alive->Finish().IgnoreError();
  }
}

void RuntimeV2Impl::TellEnd(Vm& vm, const std::map<std::string, std::weak_ptr<InstanceV2>>& instances) {
  Incident incident{.message = vm.WhyEnded() + " The end of its console's log is in " + paths_.console_log + "."};
  for (const auto& [id, instance] : instances) incident.distro_ids.push_back(id);
  incidents_->Add(incident);
}

std::vector<std::shared_ptr<Instance>> RuntimeV2Impl::Adopt() {
  const std::lock_guard boot_lock(boot_mutex_);
  if (!hibernation_.lost().ok()) {
    incidents_->Add({Incident::Kind::kVmEnded,
                     {},
                     CantGoOn(hibernation_.lost(), "Its distros start anew, with the files that they had.")});
  }
  if (hibernation_.asleep()) {
    // One that is left was saved and had not ended yet, or had not gone on yet.
    Vm::Kill(paths_);
    Vm::Adopt(paths_, absl::ZeroDuration(), nullptr).status().IgnoreError();
    hibernation_.LockImages();
    return {};
  }
  const std::vector<std::string> left = Vm::DistrosOf(paths_);
  const auto vm = Vm::Adopt(paths_, kFirstAdoption, nullptr);
  if (vm.ok()) return AdoptDistros(*vm);
  if (!absl::IsNotFound(vm.status())) {
    unanswered_ = vm.status();
  } else if (!left.empty()) {
    incidents_->Add(
        {Incident::Kind::kVmEnded, left,
         "The VM ended while wslmd did not run. The end of its console's log is in " + paths_.console_log + "."});
  }
  return {};
}

std::vector<std::shared_ptr<Instance>> RuntimeV2Impl::AdoptDistros(const std::shared_ptr<Vm>& vm) {
  std::vector<std::shared_ptr<Instance>> adopted;
  TakeVm(vm);
  const auto& ids = vm->channel()->peer().distro_ids();
  const std::set<std::string> running(ids.begin(), ids.end());
  for (const auto& [id, disk] : vm->disks()) {
    if (running.contains(id)) {
      adopted.push_back(AddInstance(id, vm));
      continue;
    }
    // Half started or half stopped when the daemon died.
    OpenRequest stop;
    stop.set_distro_id(id);
    stop.mutable_distro_stop()->set_grace_ms(absl::ToInt64Milliseconds(kCleanUpGrace));
    vm->channel()->Call(stop, kStopTimeout).status().IgnoreError();
    vm->DetachDisk(id).IgnoreError();
  }
  RemoveHalfMountedDisks(*vm);
  return adopted;
}

runtime::v1::Runtime::Unanswered RuntimeV2Impl::AdoptLater(Found found) {
  if (unanswered_.ok()) return {};
  Unanswered unanswered{.status = unanswered_, .distro_ids = Vm::DistrosOf(paths_)};
  adopting_ = true;
  adopter_ = std::thread([this, found = std::move(found)] { KeepAdopting(found); });
  return unanswered;
}

void RuntimeV2Impl::KeepAdopting(const Found& found) {
  const auto unwanted = [this] {
    const std::lock_guard lock(mutex_);
    return stop_adopting_;
  };
  std::vector<std::shared_ptr<Instance>> adopted;
  for (absl::Duration timeout = kFirstAdoption;; timeout = std::min(2 * timeout, kLongestAdoption)) {
    {
      const std::lock_guard boot_lock(boot_mutex_);
      const auto vm = Vm::Adopt(paths_, timeout, unwanted);
      if (vm.ok()) adopted = AdoptDistros(*vm);
      if (vm.ok() || absl::IsNotFound(vm.status())) break;
    }
    std::unique_lock lock(mutex_);
    adoption_changed_.wait_for(lock, absl::ToChronoMilliseconds(kBetweenAdoptions), [this] { return stop_adopting_; });
    if (stop_adopting_) return;
  }
  if (unwanted()) return;
  found(adopted);
  {
    const std::lock_guard lock(mutex_);
    adopting_ = false;
  }
  adoption_changed_.notify_all();
}

absl::Status RuntimeV2Impl::WaitForAdoption(const Note& note) {
  std::unique_lock lock(mutex_);
  if (!adopting_) return absl::OkStatus();
  lock.unlock();
  note("connecting to the VM again");
  lock.lock();
  if (adoption_changed_.wait_for(lock, absl::ToChronoMilliseconds(kAdoptionPatience), [this] { return !adopting_; })) {
    return absl::OkStatus();
  }
  return Error(absl::StatusCode::kUnavailable, reason::kRuntimeDied,
               "The VM runs but does not answer; it is being connected to again. 'wslm shutdown' ends it.");
}

void RuntimeV2Impl::EndUnanswered() {
  {
    const std::lock_guard lock(mutex_);
    if (!adopting_) return;
  }
  Vm::Kill(paths_);
  std::unique_lock lock(mutex_);
  adoption_changed_.wait_for(lock, absl::ToChronoMilliseconds(kAdoptionPatience), [this] { return !adopting_; });
}

void RuntimeV2Impl::LetGoOfVm() {
  std::shared_ptr<Vm> vm;
  std::shared_ptr<runtime::v1::Stream> notices;
  {
    const std::lock_guard lock(mutex_);
    vm = std::exchange(vm_, nullptr);
    notices = std::exchange(notices_, nullptr);
    instances_.clear();
    status_.running = false;
    status_.hibernation_problem.clear();
  }
  notices.reset();
  forwards_->store(nullptr);
  clock_->store(nullptr);
}

absl::Status RuntimeV2Impl::Shutdown() {
  EndUnanswered();
  EndVm(/*despite_disks=*/true);
  return absl::OkStatus();
}

absl::StatusOr<bool> RuntimeV2Impl::ShutdownIfUnneeded() {
  EndUnanswered();
  return EndVm(/*despite_disks=*/false);
}

bool RuntimeV2Impl::EndVm(bool despite_disks) {
  const std::lock_guard boot_lock(boot_mutex_);
  std::shared_ptr<Vm> vm;
  {
    const std::lock_guard lock(mutex_);
    if (vm_ == nullptr) return true;
    // Somebody needs it again.
    if (starting_ > 0 || !vm_->disks().empty()) return false;
    if (!despite_disks && !vm_->shared_disks().empty()) return false;
    vm = vm_;
  }
  LetGoOfVm();
  vm->PowerOff();
  // Now, when it is in nobody's way.
  maker_.Begin([this] { return PrepareBoot([](const std::string&) {}); });
  return true;
}

absl::Status RuntimeV2Impl::Hibernate() {
  // Disks of distros that have just ended leave the VM before.
  worker_->Drain();
  const std::lock_guard boot_lock(boot_mutex_);
  const std::shared_ptr<Vm> vm = LiveVm();
  if (vm == nullptr) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kRuntimeDied, "The virtual machine does not run.");
  }
  {
    const std::lock_guard lock(mutex_);
    if (starting_ > 0) {
      return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroBusy, "A distro is just starting.");
    }
  }
  // What it is sent while it is saved would be half in what was saved.
  const auto clock = clock_->exchange(nullptr);
  const absl::Status begun = hibernation_.Begin(*vm);
  if (begun.ok()) {
    LetGoOfVm();
  } else {
    clock_->store(clock);
  }
  {
    const std::lock_guard lock(mutex_);
    status_.hibernation_problem = std::string(begun.message());
  }
  ShowHibernation();
  return begun;
}

std::vector<std::string> RuntimeV2Impl::hibernated() const {
  const std::lock_guard lock(mutex_);
  return hibernated_;
}

void RuntimeV2Impl::ShowHibernation() {
  const std::lock_guard lock(mutex_);
  hibernated_ = hibernation_.distros();
  status_.hibernated = hibernation_.asleep();
}

absl::Status RuntimeV2Impl::Wake(Note note) {
  const std::lock_guard boot_lock(boot_mutex_);
  return WakeVm(note);
}

absl::Status RuntimeV2Impl::WakeVm(const Note& note) {
  if (!hibernation_.asleep()) return absl::OkStatus();
  note("waking the VM");
  maker_.Cancel();
  const std::vector<std::string> distros = hibernation_.distros();
  const auto vm = [&]() -> absl::StatusOr<std::shared_ptr<Vm>> {
    RETURN_IF_ERROR(CheckHostForV2());
    RETURN_IF_ERROR(MakeOwnFolders());
    return hibernation_.Wake(OwnOptions());
  }();
  if (hibernation_.asleep()) {
    const std::string why = ReasonOf(vm.status());
    return Error(
        absl::StatusCode::kFailedPrecondition, why.empty() ? reason::kStartFailed : why,
        CantGoOn(vm.status(), "It sleeps on, and the next use tries again; 'wslm shutdown --force' gives it up."),
        MetadataOf(vm.status()));
  }
  restored_from_.clear();
  ShowHibernation();
  std::vector<std::shared_ptr<Instance>> woken;
  if (vm.ok()) {
    woken = AdoptDistros(*vm);
  } else {
    incidents_->Add({Incident::Kind::kVmEnded, distros,
                     CantGoOn(vm.status(), "Its distros start anew, with the files that they had.")});
  }
  if (woken_) woken_(woken);
  return absl::OkStatus();
}

void RuntimeV2Impl::GiveUpHibernated() {
  const std::lock_guard boot_lock(boot_mutex_);
  if (!hibernation_.asleep()) return;
  hibernation_.GiveUp();
  ShowHibernation();
  if (woken_) woken_({});
}

void RuntimeV2Impl::End() {
  EndUnanswered();
  std::shared_ptr<Vm> vm;
  {
    const std::lock_guard lock(mutex_);
    ordered_end_ = vm = vm_;
  }
  if (vm == nullptr) return;
  Vm::Kill(paths_);
  // Its connections tell.
  for (const absl::Time begin = absl::Now(); !vm->dead() && absl::Now() - begin < kAdoptionPatience;) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  OnVmDied();
}

std::shared_ptr<Vm> RuntimeV2Impl::LiveVm() const {
  const std::lock_guard lock(mutex_);
  return vm_ == nullptr || vm_->dead() ? nullptr : vm_;
}

bool RuntimeV2Impl::needed() const {
  const auto vm = LiveVm();
  return vm != nullptr && !vm->shared_disks().empty();
}

absl::StatusOr<SharedDisk> RuntimeV2Impl::MountDisk(const SharedDisk& wanted, UniqueFd file, const std::string& driver,
                                                    const Note& note) {
  RETURN_IF_ERROR(CheckHostForV2());
  {
    const std::lock_guard lock(mutex_);
    ++starting_;
  }
  auto mounted = [&]() -> absl::StatusOr<SharedDisk> {
    ASSIGN_OR_RETURN(const std::shared_ptr<Vm> vm, EnsureVm(note));
    return MountSharedDisk(*vm, wanted, std::move(file), driver);
  }();
  const std::lock_guard lock(mutex_);
  --starting_;
  return mounted;
}

absl::Status RuntimeV2Impl::UnmountDisk(const std::string& name) {
  const auto vm = LiveVm();
  return vm == nullptr ? absl::OkStatus() : UnmountSharedDisk(*vm, name);
}

std::vector<SharedDisk> RuntimeV2Impl::shared_disks() const {
  std::vector<SharedDisk> disks;
  if (const auto vm = LiveVm()) {
    for (const auto& [name, disk] : vm->shared_disks()) disks.push_back(disk.shown);
  }
  return disks;
}

VmStatus RuntimeV2Impl::status() const {
  VmStatus status;
  {
    const std::lock_guard lock(mutex_);
    status = status_;
    if (vm_ != nullptr) {
      VmNetwork network = vm_->network();
      status.network = network.passt.empty() ? "slirp" : "passt";
      status.network_reason = std::move(network.reason);
    }
    if (const auto forwards = forwards_->load()) {
      status.ports = forwards->ports();
      status.more_ports = forwards->left_out();
    }
  }
  if (status.kernel_release.empty()) status.kernel_release = ReadyKernelRelease(home_.cache);
  status.incidents = incidents_->recent();
  return status;
}

}  // namespace

std::unique_ptr<RuntimeV2> MakeRuntimeV2(const Home& home, const VmSettings& settings) {
  return std::make_unique<RuntimeV2Impl>(home, settings);
}

absl::Status CheckHostForV2() {
  if (!FindProgram(HostMachine().qemu).empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, reason::kHostUnsupported,
               absl::StrCat("A version 2 distro runs in a VM, and QEMU is missing: install the package ",
                            HostMachine().qemu_package, "."),
               {{"missing", HostMachine().qemu}});
}

}  // namespace wslm
