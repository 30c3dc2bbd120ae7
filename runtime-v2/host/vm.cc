#include "runtime-v2/host/vm.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/host/file_identity.h"
#include "runtime-v2/host/host_facts.h"
#include "runtime-v2/host/qemu_command.h"
#include "runtime-v2/host/snapshot_key.h"
#include "runtime-v2/host/unix_socket.h"
#include "runtime-v2/host/vm_end.h"
#include "runtime-v2/host/vm_state.h"
#include "runtime-v2/modules/vm_names.h"

namespace wslm {

using runtime::v1::Channel;
using runtime::v1::OpenRequest;

namespace {

constexpr absl::Duration kQmpTimeout = absl::Seconds(20);
constexpr absl::Duration kHelloTimeout = absl::Seconds(20);
// Between two looks at whether an answer is still wanted.
constexpr absl::Duration kPoll = absl::Milliseconds(200);
constexpr absl::Duration kUnplugTimeout = absl::Seconds(30);
constexpr absl::Duration kPowerOffTimeout = absl::Seconds(5);
constexpr absl::Duration kQuitTimeout = absl::Seconds(3);
constexpr absl::Duration kLastWords = absl::Seconds(1);
constexpr size_t kEndOfLog = 16384;
// SCSI targets; 0 is the modules' disk.
constexpr int kLastSlot = 250;
constexpr int kSwapSlot = 251;
constexpr char kMemoryName[] = "wslm-vm-memory";
// A snapshot that doesn't fit never answers; one that does, in a tenth of a second, and on a busy machine later.
constexpr absl::Duration kRestoreTimeout = absl::Seconds(5);
// Of the clock's rate, in ppm; two measurements are some 100 apart.
constexpr int64_t kTscTolerance = 1000;

absl::Status StartFailed(absl::StatusCode code, const std::string& message, const std::string& log) {
  return Error(code, reason::kStartFailed, message + " Its log is " + log + ".", {{"log", log}});
}

std::string NodeName(const VmDisk& disk) { return "disk" + std::to_string(disk.slot); }
std::string DeviceId(const VmDisk& disk) { return "scsi-disk" + std::to_string(disk.slot); }

const VmDisk& DiskOf(const VmDisk& disk) { return disk; }
const VmDisk& DiskOf(const VmSharedDisk& disk) { return disk.disk; }

DiskFault FaultOf(const std::string& distro_id, const VmDisk& disk) {
  return {.whose = DiskFault::Whose::kDistro, .name = distro_id, .image = disk.image};
}
DiskFault FaultOf(const std::string& name, const VmSharedDisk& disk) {
  return {.whose = DiskFault::Whose::kMounted, .name = name, .image = disk.disk.image};
}

// NAA 3 ("locally assigned") and 60 random bits.
uint64_t NewWwn() {
  uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random) random = static_cast<uint64_t>(::getpid());
  return (random >> 4) | 0x3000'0000'0000'0000;
}

// The kernel in a snapshot reckons with the rate at its boot.
absl::Status CheckTsc(int64_t then, int64_t now) {
  if (std::abs(now - then) <= then * kTscTolerance / 1'000'000) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("The host's clock counts at ", now, " kHz now, and did at ", then, "."));
}

std::string PathOf(const UniqueFd& file) {
  char path[PATH_MAX];
  const ssize_t size = ::readlink(("/proc/self/fd/" + std::to_string(file.get())).c_str(), path, sizeof path);
  return size <= 0 ? "" : std::string(path, static_cast<size_t>(size));
}

bool IsBlockDevice(const UniqueFd& file) {
  struct stat status {};
  return ::fstat(file.get(), &status) == 0 && S_ISBLK(status.st_mode);
}

// Of the console's log: its last few screens.
std::string EndOfFile(const std::string& path) {
  std::string text = ReadSmallFile(path, size_t{64} << 20).value_or("");
  return text.size() <= kEndOfLog ? text : text.substr(text.size() - kEndOfLog);
}

uint64_t WwnOf(const VmDisk& disk) { return std::stoull(disk.wwid.substr(disk.wwid.find('.') + 1), nullptr, 16); }

}  // namespace

Vm::Vm(VmPaths paths) : paths_(std::move(paths)) {}

Vm::~Vm() {
  channel_.reset();
  qmp_.reset();
}

QemuOptions QemuOptionsOf(const VmBootOptions& options) {
  return {.program = options.qemu,
          .kvm = options.accelerator.kvm,
          .memory_mib = options.settings.memory_mib,
          .processors = options.settings.processors,
          .passt = !options.network.passt.empty(),
          .kernel_command_line = options.settings.kernel_command_line,
          .kernel = options.kernel.vmlinux,
          .initramfs = options.initramfs,
          .modules_image = options.kernel.modules_image,
          .control_socket = options.paths.control_socket,
          .qmp_socket = options.paths.qmp_socket,
          .console_log = options.paths.console_log};
}

absl::StatusOr<std::shared_ptr<Vm>> Vm::Boot(const VmBootOptions& options) {
  std::shared_ptr<Vm> vm(new Vm(options.paths));
  ASSIGN_OR_RETURN(const UniqueFd memory, MakeMemory(kMemoryName, options.settings.memory_mib << 20));
  QemuOptions qemu = QemuOptionsOf(options);
  if (!qemu.kvm) qemu.tsc_khz = MeasureTscKhz();
  RETURN_IF_ERROR(vm->Spawn(options, qemu, {memory.get()}));
  absl::Status status = vm->ConnectQmp(kQmpTimeout, options.give_up);
  if (status.ok()) status = vm->WaitForAgent(options.patience, options.give_up);
  if (status.ok()) status = vm->ConnectChannel(kHelloTimeout, options.give_up);
  if (status.ok()) {
    vm->LookForPasst();
    return vm;
  }
  vm->Discard();
  return status;
}

absl::StatusOr<std::shared_ptr<Vm>> Vm::Restore(const VmBootOptions& options, const LoadState& load) {
  return GoOn(
      options, load, [](Vm&) { return absl::OkStatus(); }, kRestoreTimeout);
}

absl::StatusOr<std::shared_ptr<Vm>> Vm::Wake(const VmBootOptions& options, const LoadState& load,
                                             const PlugDisks& plug) {
  return GoOn(options, load, plug, options.patience);
}

absl::StatusOr<std::shared_ptr<Vm>> Vm::GoOn(const VmBootOptions& options, const LoadState& load, const PlugDisks& plug,
                                             absl::Duration patience) {
  std::shared_ptr<Vm> vm(new Vm(options.paths));
  const TscMeter meter;
  ASSIGN_OR_RETURN(const UniqueFd memory, MakeMemory(kMemoryName, options.settings.memory_mib << 20));
  ASSIGN_OR_RETURN(const UniqueFd state, MakeMemory("wslm-vm-state", 0));
  vm->record_.start = VmStart::kRestoring;
  QemuOptions qemu = QemuOptionsOf(options);
  qemu.incoming = true;
  RETURN_IF_ERROR(vm->Spawn(options, qemu, {memory.get(), state.get()}));
  const absl::Status status = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const SnapshotHead head, load(memory.get(), state.get()));
    RETURN_IF_ERROR(vm->ConnectQmp(kQmpTimeout, options.give_up));
    RETURN_IF_ERROR(CheckTsc(head.tsc_khz, meter.Khz()));
    RETURN_IF_ERROR(plug(*vm));
    RETURN_IF_ERROR(LoadVmState(*vm->qmp_, kStateFd));
    RETURN_IF_ERROR(vm->ConnectChannel(patience, options.give_up));
    vm->LookForPasst();
    const std::lock_guard lock(vm->state_->mutex);
    vm->record_.start = VmStart::kRestored;
    return vm->WriteRecord();
  }();
  if (status.ok()) return vm;
  vm->Discard();
  return status;
}

absl::StatusOr<std::shared_ptr<Vm>> Vm::Adopt(const VmPaths& paths, absl::Duration timeout, const GiveUp& give_up) {
  std::shared_ptr<Vm> vm(new Vm(paths));
  const auto text = ReadSmallFile(paths.record);
  if (!text.ok()) return absl::NotFoundError("no VM was left");
  auto record = VmRecord::FromJson(*text);
  auto process = record.ok() ? FindProcess(record->pid, record->start_time) : record.status();
  if (!process.ok()) {
    vm->EndProcess();
    return absl::NotFoundError("the VM that was left has ended");
  }
  vm->record_ = *std::move(record);
  vm->process_ = *std::move(process);
  if (vm->record_.start == VmStart::kRestoring) {
    vm->Discard();
    return absl::NotFoundError("the VM that was left had not begun");
  }
  const absl::Time deadline = absl::Now() + timeout;
  absl::Status status = vm->ConnectQmp(timeout, give_up);
  // An earlier daemon died while it saved it.
  if (status.ok()) status = vm->Resume();
  if (status.ok()) status = vm->WaitForAgent(deadline - absl::Now(), give_up);
  if (status.ok()) status = vm->ConnectChannel(deadline - absl::Now(), give_up);
  if (status.ok()) {
    vm->LookForPasst();
    return vm;
  }
  if (!WaitForExit(vm->process_, absl::ZeroDuration())) return status;
  vm->EndProcess();
  return absl::NotFoundError("the VM that was left has ended");
}

std::vector<std::string> Vm::DistrosOf(const VmPaths& paths) {
  std::vector<std::string> ids;
  const auto text = ReadSmallFile(paths.record);
  const auto record = text.ok() ? VmRecord::FromJson(*text) : text.status();
  if (!record.ok()) return ids;
  for (const auto& [id, disk] : record->disks) ids.push_back(id);
  return ids;
}

void Vm::Kill(const VmPaths& paths) {
  const auto text = ReadSmallFile(paths.record);
  const auto record = text.ok() ? VmRecord::FromJson(*text) : text.status();
  if (!record.ok()) return;
  const auto process = FindProcess(record->pid, record->start_time);
  if (!process.ok()) return;
  KillProcess(*process);
  WaitForExit(*process, kPowerOffTimeout);
}

absl::Status Vm::Spawn(const VmBootOptions& options, const QemuOptions& qemu, std::vector<int> inherited) {
  ::unlink(paths_.control_socket.c_str());
  ::unlink(paths_.qmp_socket.c_str());
  ASSIGN_OR_RETURN(const UniqueFd log, OpenFile(paths_.console_log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND));
  PasstStart passt;
  if (qemu.passt) {
    ASSIGN_OR_RETURN(passt, StartPasst(options.network.passt));
    inherited.push_back(passt.wire.get());
    if (!passt.status.ok()) passt_problem_ = absl::StrCat("passt did not start: ", passt.status.message());
  }
  ASSIGN_OR_RETURN(process_, SpawnDetached(QemuArguments(qemu), log.get(), /*map_user=*/true, inherited));
  const std::lock_guard lock(state_->mutex);
  record_.pid = process_.pid;
  record_.start_time = process_.start_time;
  record_.accelerator = options.accelerator.kvm ? "kvm" : "tcg";
  record_.accelerator_reason = options.accelerator.reason;
  record_.passt = qemu.passt;
  record_.network_reason = options.network.reason;
  const auto machine = MachineKey(qemu);
  record_.machine = machine.ok() ? NameOfIdentity(*machine) : "";
  record_.memory_mib = qemu.memory_mib;
  record_.processors = qemu.processors;
  record_.modules_image = qemu.modules_image;
  const absl::Status written = WriteRecord();
  if (!written.ok()) Discard();
  return written;
}

absl::Status Vm::ConnectQmp(absl::Duration timeout, const GiveUp& give_up) {
  // A QEMU that ends at once (a bad option, no memory) leaves its words in the log and no socket.
  auto connected = Qmp::Connect(
      paths_.qmp_socket, timeout, [state = state_](const Qmp::Event& event) { state->OnQmpEvent(event); },
      [&] { return WaitForExit(process_, absl::ZeroDuration()) || (give_up && give_up()); });
  if (!connected.ok()) {
    const bool ended = WaitForExit(process_, absl::ZeroDuration());
    const std::string words = ended ? ReadSmallFile(paths_.console_log).value_or("") : "";
    return StartFailed(connected.status().code(),
                       "QEMU does not answer: " +
                           Escaped(words.empty() ? std::string(connected.status().message()) : words.substr(0, 300)) +
                           ".",
                       paths_.console_log);
  }
  qmp_ = *std::move(connected);
  return absl::OkStatus();
}

absl::Status Vm::WaitForAgent(absl::Duration timeout, const GiveUp& give_up) {
  // The agent may have opened its port before we listened for the event.
  ASSIGN_OR_RETURN(const Json chardevs, qmp_->Execute("query-chardev", Json::object()));
  std::unique_lock lock(state_->mutex);
  for (const Json& chardev : chardevs) {
    if (chardev.is_object() && chardev.contains("label") && chardev["label"] == kControlChardev &&
        chardev.contains("frontend-open") && chardev["frontend-open"] == true) {
      state_->agent_there = true;
    }
  }
  const absl::Time deadline = absl::Now() + timeout;
  while (!state_->agent_there && !state_->dead && absl::Now() < deadline && !(give_up && give_up())) {
    state_->changed.wait_for(lock, absl::ToChronoMilliseconds(std::min(kPoll, deadline - absl::Now())));
  }
  if (state_->dead) {
    lock.unlock();
    return StartFailed(absl::StatusCode::kUnavailable, "The VM did not boot. " + WhyEnded(), paths_.console_log);
  }
  if (state_->agent_there) return absl::OkStatus();
  return StartFailed(absl::StatusCode::kDeadlineExceeded,
                     "The VM did not boot within " + absl::FormatDuration(timeout) + ".", paths_.console_log);
}

absl::Status Vm::ConnectChannel(absl::Duration timeout, const GiveUp& give_up) {
  ASSIGN_OR_RETURN(UniqueFd socket, ConnectUnixSocket(paths_.control_socket, timeout, [&] {
                     return WaitForExit(process_, absl::ZeroDuration()) || (give_up && give_up());
                   }));
  auto channel = Channel::Connect(std::move(socket),
                                  {.hello_timeout = timeout, .padding = true, .seed = true, .give_up = give_up});
  if (!channel.ok()) {
    return StartFailed(channel.status().code(), "The VM's agent did not answer.", paths_.console_log);
  }
  channel_ = *std::move(channel);
  // Without its agent a VM is of no use. QEMU's end shows here, too.
  channel_->OnClosed([state = state_] { state->Died(); });
  return absl::OkStatus();
}

void Vm::State::OnQmpEvent(const Qmp::Event& event) {
  if (event.name.empty() || event.name == "SHUTDOWN" || event.name == "RESET") {
    {
      const std::lock_guard lock(mutex);
      if (end_reason.empty()) end_reason = JsonText(event.data, "reason");
      qmp_ended = event.name.empty();
      changed.notify_all();
    }
    return Died();
  }
  if (event.name == "BLOCK_IO_ERROR") return OnBlockError(event.data);
  if (event.name == "NETDEV_STREAM_DISCONNECTED") return OnPasstEnded();
  const std::lock_guard lock(mutex);
  if (event.name == "VSERPORT_CHANGE" && JsonText(event.data, "id") == kControlPortId) {
    agent_there = JsonFlag(event.data, "open");
  } else if (event.name == "DEVICE_DELETED") {
    deleted_devices.insert(JsonText(event.data, "device"));
  }
  changed.notify_all();
}

void Vm::State::OnBlockError(const Json& data) {
  DiskErrorCallback callback;
  DiskFault fault;
  // Its flag "nospace" is there only for disks that would stop the VM.
  const std::string reason = JsonText(data, "reason");
  const bool no_space = reason == ::strerror(ENOSPC) || reason == ::strerror(EDQUOT);
  {
    const std::lock_guard lock(mutex);
    const std::string node = JsonText(data, "node-name");
    const auto found = faults.find(node);
    if (found == faults.end() || !disk_errors.emplace(node, no_space).second) return;
    fault = found->second;
    callback = on_disk_error;
  }
  fault.no_space = no_space;
  if (callback) callback(fault);
}

void Vm::State::Forget(const VmDisk& disk) {
  faults.erase(NodeName(disk));
  std::erase_if(disk_errors, [&](const auto& error) { return error.first == NodeName(disk); });
}

void Vm::State::Died() {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex);
    if (std::exchange(dead, true)) return;
    changed.notify_all();
    if (!powering_off) callback = std::exchange(on_died, nullptr);
  }
  if (callback) callback();
}

void Vm::OnDied(std::function<void()> callback) {
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->dead) {
      state_->on_died = std::move(callback);
      return;
    }
  }
  callback();
}

void Vm::OnDiskError(DiskErrorCallback callback) {
  const std::lock_guard lock(state_->mutex);
  state_->on_disk_error = std::move(callback);
  for (const auto& [id, disk] : record_.disks) state_->faults[NodeName(disk)] = FaultOf(id, disk);
  for (const auto& [name, disk] : record_.shared_disks) state_->faults[NodeName(disk.disk)] = FaultOf(name, disk);
  // Another daemon may have plugged it in.
  state_->faults[NodeName({.slot = kSwapSlot})] = {.whose = DiskFault::Whose::kSwap};
}

bool Vm::LackedSpace(const std::string& distro_id) const {
  const std::lock_guard lock(state_->mutex);
  const auto disk = record_.disks.find(distro_id);
  return disk != record_.disks.end() && state_->disk_errors.contains({NodeName(disk->second), true});
}

std::string Vm::WhyEnded() {
  VmEnd end{.outlived_agent = outlived_agent_, .console = EndOfFile(paths_.console_log)};
  std::unique_lock lock(state_->mutex);
  // QEMU has ended; what it said last may be still to be read.
  state_->changed.wait_for(lock, absl::ToChronoMilliseconds(kLastWords), [this] { return state_->qmp_ended; });
  end.qemu_reason = state_->end_reason;
  return ExplainVmEnd(end);
}

bool Vm::dead() const {
  const std::lock_guard lock(state_->mutex);
  return state_->dead;
}

Accelerator Vm::accelerator() const {
  const std::lock_guard lock(state_->mutex);
  return {.kvm = record_.accelerator == "kvm", .reason = record_.accelerator_reason};
}

bool Vm::restored() const {
  const std::lock_guard lock(state_->mutex);
  return record_.start == VmStart::kRestored;
}

std::map<std::string, VmDisk> Vm::disks() const {
  const std::lock_guard lock(state_->mutex);
  return record_.disks;
}

VmRecord Vm::record() const {
  const std::lock_guard lock(state_->mutex);
  return record_;
}

absl::Status Vm::WriteRecord() const { return WriteFileAtomically(paths_.record, record_.ToJson()); }

// Before QEMU has it: a daemon that dies then leaves a record of more disks, never of fewer, than there are.
template <class Disks>
absl::Status Vm::Enter(Disks& disks, const std::string& name, const typename Disks::mapped_type& disk) {
  disks[name] = disk;
  state_->faults[NodeName(DiskOf(disk))] = FaultOf(name, disk);
  absl::Status written = WriteRecord();
  if (!written.ok()) {
    disks.erase(name);
    state_->Forget(DiskOf(disk));
  }
  return written;
}

template <class Disks>
absl::Status Vm::Detach(Disks& disks, const std::string& name) {
  VmDisk disk;
  {
    const std::lock_guard lock(state_->mutex);
    const auto found = disks.find(name);
    if (found == disks.end()) return absl::OkStatus();
    disk = DiskOf(found->second);
  }
  if (!dead()) RETURN_IF_ERROR(Unplug(disk));
  const std::lock_guard lock(state_->mutex);
  disks.erase(name);
  state_->Forget(disk);
  return state_->dead ? absl::OkStatus() : WriteRecord();
}

absl::StatusOr<std::string> Vm::AttachDisk(const std::string& distro_id, UniqueFd image, const std::string& driver) {
  VmDisk disk{.wwid = WwidOf(NewWwn()), .image = PathOf(image), .driver = driver};
  {
    const std::lock_guard lock(state_->mutex);
    if (record_.disks.contains(distro_id)) {
      return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroBusy,
                   "The distro's disk is in the VM already.");
    }
    ASSIGN_OR_RETURN(disk.slot, FreeSlot());
    RETURN_IF_ERROR(Enter(record_.disks, distro_id, disk));
  }
  const absl::Status plugged = Plug(disk, distro_id, image, driver, /*read_only=*/false);
  if (plugged.ok()) return disk.wwid;
  DetachDisk(distro_id).IgnoreError();
  return Error(plugged.code(), reason::kStartFailed,
               "The distro's disk can't be put into the VM: " + std::string(plugged.message()));
}

absl::Status Vm::AttachDiskAgain(const std::string& distro_id, const VmDisk& disk, const UniqueFd& image) {
  {
    const std::lock_guard lock(state_->mutex);
    RETURN_IF_ERROR(Enter(record_.disks, distro_id, disk));
  }
  return Plug(disk, distro_id, image, disk.driver, /*read_only=*/false);
}

absl::StatusOr<int> Vm::FreeSlot() const {
  std::set<int> used;
  for (const auto& [id, other] : record_.disks) used.insert(other.slot);
  for (const auto& [name, other] : record_.shared_disks) used.insert(other.disk.slot);
  int slot = 1;
  while (used.contains(slot)) ++slot;
  if (slot <= kLastSlot) return slot;
  return Error(absl::StatusCode::kResourceExhausted, reason::kStartFailed, "The VM has no room for another disk.");
}

absl::Status Vm::Plug(const VmDisk& disk, const std::string& serial, const UniqueFd& image, const std::string& driver,
                      bool read_only) {
  RETURN_IF_ERROR(qmp_->Execute("add-fd", {{"fdset-id", disk.slot}, {"opaque", "disk"}}, image.get()).status());
  const Json file = {{"driver", IsBlockDevice(image) ? "host_device" : "file"},
                     {"filename", "/dev/fdset/" + std::to_string(disk.slot)},
                     {"read-only", read_only},
                     {"discard", "unmap"}};
  Json node = {{"driver", driver},
               {"node-name", NodeName(disk)},
               {"read-only", read_only},
               {"discard", "unmap"},
               {"file", file}};
  // No other file, whatever its header says.
  if (driver == "qcow2") node["backing"] = nullptr;
  RETURN_IF_ERROR(qmp_->Execute("blockdev-add", node).status());
  return qmp_
      ->Execute("device_add", {{"driver", "scsi-hd"},
                               {"id", DeviceId(disk)},
                               {"drive", NodeName(disk)},
                               {"bus", kScsiBus},
                               {"scsi-id", disk.slot},
                               {"lun", 0},
                               {"serial", serial.substr(0, 36)},
                               // Else QEMU stops the whole VM where the host's disk is full.
                               {"werror", "report"},
                               {"rerror", "report"},
                               {"wwn", WwnOf(disk)}})
      .status();
}

absl::Status Vm::Unplug(const VmDisk& disk) {
  // Each step may not have been taken: all are tried, and what counts is that the last has nothing left to do.
  if (qmp_->Execute("device_del", {{"id", DeviceId(disk)}}).ok()) {
    std::unique_lock lock(state_->mutex);
    const bool deleted = state_->changed.wait_for(lock, absl::ToChronoMilliseconds(kUnplugTimeout), [&] {
      return state_->dead || state_->deleted_devices.contains(DeviceId(disk));
    });
    state_->deleted_devices.erase(DeviceId(disk));
    if (!deleted) {
      return Error(absl::StatusCode::kDeadlineExceeded, reason::kIoError,
                   "The VM does not let go of the distro's disk.");
    }
  }
  const absl::Status node = qmp_->Execute("blockdev-del", {{"node-name", NodeName(disk)}}).status();
  const absl::Status set = qmp_->Execute("remove-fd", {{"fdset-id", disk.slot}}).status();
  return node.ok() ? set : absl::OkStatus();
}

absl::Status Vm::DetachDisk(const std::string& distro_id) { return Detach(record_.disks, distro_id); }

absl::StatusOr<std::string> Vm::AttachSwap(UniqueFd swap) {
  const VmDisk disk{.slot = kSwapSlot, .wwid = WwidOf(NewWwn()), .image = ""};
  {
    const std::lock_guard lock(state_->mutex);
    record_.swap = true;
    RETURN_IF_ERROR(WriteRecord());
  }
  RETURN_IF_ERROR(Plug(disk, "swap", swap, "raw", /*read_only=*/false));
  return disk.wwid;
}

absl::Status Vm::GrowDisk(const std::string& distro_id, int64_t bytes) {
  VmDisk disk;
  {
    const std::lock_guard lock(state_->mutex);
    const auto found = record_.disks.find(distro_id);
    if (found == record_.disks.end()) {
      return Error(absl::StatusCode::kUnavailable, reason::kRuntimeDied, "The distro has ended.");
    }
    disk = found->second;
  }
  return qmp_->Execute("block_resize", {{"node-name", NodeName(disk)}, {"size", bytes}}).status();
}

absl::StatusOr<std::string> Vm::AttachSharedDisk(const runtime::v1::SharedDisk& shown, UniqueFd file,
                                                 const std::string& driver) {
  VmSharedDisk added{.disk = {.wwid = WwidOf(NewWwn()), .image = shown.source}, .shown = shown};
  {
    const std::lock_guard lock(state_->mutex);
    for (const auto& [name, other] : record_.shared_disks) {
      if (name != shown.name && other.shown.source != shown.source) continue;
      return Error(absl::StatusCode::kAlreadyExists, reason::kFileExists,
                   "The disk " + Escaped(other.shown.source) + " is mounted as '" + Escaped(name) +
                       "' already. 'wslm unmount " + Escaped(name) + "' ends that.",
                   {{"path", other.shown.source}});
    }
    ASSIGN_OR_RETURN(added.disk.slot, FreeSlot());
    RETURN_IF_ERROR(Enter(record_.shared_disks, shown.name, added));
  }
  const absl::Status plugged = Plug(added.disk, shown.name, file, driver, shown.read_only);
  if (plugged.ok()) return added.disk.wwid;
  DetachSharedDisk(shown.name).IgnoreError();
  return Error(plugged.code(), reason::kStartFailed,
               "The disk can't be put into the VM: " + std::string(plugged.message()));
}

absl::Status Vm::SharedDiskMounted(const runtime::v1::SharedDisk& shown) {
  const std::lock_guard lock(state_->mutex);
  const auto found = record_.shared_disks.find(shown.name);
  if (found == record_.shared_disks.end()) return absl::OkStatus();
  found->second.shown = shown;
  found->second.mounted = true;
  return WriteRecord();
}

absl::Status Vm::DetachSharedDisk(const std::string& name) { return Detach(record_.shared_disks, name); }

std::map<std::string, VmSharedDisk> Vm::shared_disks() const {
  const std::lock_guard lock(state_->mutex);
  return record_.shared_disks;
}

void Vm::PowerOff() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->powering_off = true;
  }
  if (!dead()) {
    OpenRequest request;
    request.mutable_power_off();
    // The VM ends instead of an answer.
    channel_->Call(request, kPowerOffTimeout).status().IgnoreError();
    if (!WaitForExit(process_, kPowerOffTimeout)) {
      qmp_->Execute("quit", Json::object(), -1, kQuitTimeout).status().IgnoreError();
    }
  }
  EndProcess();
}

absl::StatusOr<UniqueFd> Vm::Memory() const {
  return OpenFile(absl::StrCat("/proc/", process_.pid, "/fd/", kMemoryFd), O_RDWR);
}

void Vm::Disconnect() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->powering_off = true;
  }
  channel_.reset();
}

absl::Status Vm::Save(int state) {
  Disconnect();
  return Suspend(state);
}

absl::Status Vm::Suspend(int state) { return SaveVmState(*qmp_, state); }

absl::Status Vm::Resume() { return ResumeVm(*qmp_); }

void Vm::Discard() {
  if (process_.handle) KillProcess(process_);
  EndProcess();
}

void Vm::EndProcess() {
  if (process_.handle && !WaitForExit(process_, kQuitTimeout)) {
    outlived_agent_ = true;
    KillProcess(process_);
    WaitForExit(process_, kPowerOffTimeout);
  }
  ::unlink(paths_.control_socket.c_str());
  ::unlink(paths_.qmp_socket.c_str());
  ::unlink(paths_.record.c_str());
}

}  // namespace wslm
