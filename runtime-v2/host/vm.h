// The utility VM while it runs: QEMU's process, its QMP and control connections, the disks in it.
//
//   ASSIGN_OR_RETURN(auto vm, Vm::Boot(options, note));
//   ASSIGN_OR_RETURN(std::string wwid, vm->AttachDisk(distro_id, std::move(locked_image)));
//   vm->channel()->Call(start_request, timeout);
//   ...
//   vm->DetachDisk(distro_id);  vm->PowerOff();
//
// All methods are thread-safe and block but channel(), dead() and accelerator().
#ifndef WSLM_RUNTIME_V2_HOST_VM_H_
#define WSLM_RUNTIME_V2_HOST_VM_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "distros/host/unique_fd.h"
#include "runtime-v2/host/accelerator.h"
#include "runtime-v2/host/kernel.h"
#include "runtime-v2/host/passt.h"
#include "runtime-v2/host/process.h"
#include "runtime-v2/host/qemu_command.h"
#include "runtime-v2/host/qmp.h"
#include "runtime-v2/host/snapshot_file.h"
#include "runtime-v2/host/vm_record.h"
#include "runtime-v2/host/vm_settings.h"
#include "wslm/runtime/v1/channel.h"

namespace wslm {

// Absolute paths of the VM's own files.
struct VmPaths {
  std::string control_socket;
  std::string qmp_socket;
  std::string record;
  std::string console_log;
};

struct VmBootOptions {
  VmPaths paths;
  std::string qemu;
  Kernel kernel;
  std::string initramfs;
  Accelerator accelerator;
  VmNetwork network;
  VmSettings settings;
  // How long the agent's sign of life may take. Seen under TCG: 4 s on an idle machine; a busy one may take ten times
  // that.
  absl::Duration patience = absl::Minutes(2);
  // Asked now and then while it boots; true: it is not wanted any more. May be null.
  std::function<bool()> give_up;
};

// A disk that QEMU could not read or write.
struct DiskFault {
  enum class Whose { kDistro, kMounted, kSwap };
  Whose whose = Whose::kDistro;
  // The distro's id, or the name that it is mounted by.
  std::string name;
  // The path; none for swap.
  std::string image;
  // The host had no room for what was written.
  bool no_space = false;
};

// QEMU's options for a VM that boots. The clock's rate is 0.
QemuOptions QemuOptionsOf(const VmBootOptions& options);

class Vm {
 public:
  // Boots; returns when the agent answered. Errors: DEADLINE_EXCEEDED (the agent did not come in the options'
  // patience), START_FAILED.
  static absl::StatusOr<std::shared_ptr<Vm>> Boot(const VmBootOptions& options);

  // Goes on from a snapshot: `load` fills the VM's memory and the state of its devices while QEMU starts, and answers
  // what is known of it. Returns when the agent answered. Errors: those of `load`; FAILED_PRECONDITION when the host's
  // clock has another rate now; those of Boot, DEADLINE_EXCEEDED after 5 s.
  using LoadState = std::function<absl::StatusOr<SnapshotHead>(int memory, int state)>;
  static absl::StatusOr<std::shared_ptr<Vm>> Restore(const VmBootOptions& options, const LoadState& load);
  // The same for a VM that had disks: `plug` is called before it goes on, and puts them in again (AttachDiskAgain).
  // The agent's answer may take the options' patience. `plug`'s errors are errors, too.
  using PlugDisks = std::function<absl::Status(Vm&)>;
  static absl::StatusOr<std::shared_ptr<Vm>> Wake(const VmBootOptions& options, const LoadState& load,
                                                  const PlugDisks& plug);

  // Connects to the VM of the record at `paths`, for `timeout` or until `give_up` (may be null) is true. NOT_FOUND when
  // it is gone (its leftovers are removed); any other error when it doesn't answer: it lives, and may answer later.
  static absl::StatusOr<std::shared_ptr<Vm>> Adopt(const VmPaths& paths, absl::Duration timeout,
                                                   const std::function<bool()>& give_up);
  // The distros whose disks are in the VM of the record at `paths`, answering or not. Empty when there is none.
  static std::vector<std::string> DistrosOf(const VmPaths& paths);
  // Ends the VM of the record at `paths` without asking it. No VM is no error.
  static void Kill(const VmPaths& paths);

  // The VM goes on; the connections close.
  ~Vm();

  const std::shared_ptr<runtime::v1::Channel>& channel() const { return channel_; }
  Accelerator accelerator() const;
  // It went on from a snapshot.
  bool restored() const;
  std::map<std::string, VmDisk> disks() const;
  VmRecord record() const;

  // Plugs the image in; QEMU holds the descriptor, and so its lock, until DetachDisk or its end. `driver` is QEMU's for
  // the image's format. Answers the disk's wwid.
  absl::StatusOr<std::string> AttachDisk(const std::string& distro_id, UniqueFd image, const std::string& driver);
  // As the disk was in a VM that is woken.
  absl::Status AttachDiskAgain(const std::string& distro_id, const VmDisk& disk, const UniqueFd& image);
  // Unplugs it. No disk is no error.
  absl::Status DetachDisk(const std::string& distro_id);

  // Plugs in a swap area (MakeSwapFile), once, for as long as the VM runs. Answers its wwid.
  absl::StatusOr<std::string> AttachSwap(UniqueFd swap);

  // The distro's disk is to have `bytes`; its file system is another thing. Only raw images.
  absl::Status GrowDisk(const std::string& distro_id, int64_t bytes);

  // The same for a disk that is no distro's own, `shown.name`. What became of it in the distros is told later by
  // SharedDiskMounted. Error: FILE_EXISTS when the name or the source is there.
  absl::StatusOr<std::string> AttachSharedDisk(const runtime::v1::SharedDisk& shown, UniqueFd file,
                                               const std::string& driver);
  absl::Status SharedDiskMounted(const runtime::v1::SharedDisk& shown);
  absl::Status DetachSharedDisk(const std::string& name);
  std::map<std::string, VmSharedDisk> shared_disks() const;

  // The ports that the host's 127.0.0.1 has of the VM's, and their coming and going. Errors: UNAVAILABLE with a
  // sentence when the host's port is not to be had; IO_ERROR.
  VmPorts forwards() const;
  absl::Status AddForward(const VmPort& port, const VmPortEnd& end);
  absl::Status RemoveForward(const VmPort& port);

  // How it goes out. `passt` is no path but says whether.
  VmNetwork network() const;
  // `callback` is called once, on a thread of the VM's that must not be blocked, when passt ends; at once when it has
  // just ended. LeavePasst is to follow.
  void OnPasstEnded(std::function<void()> callback);
  // From now on it goes out by QEMU's user network; what is connected by passt is lost.
  absl::Status LeavePasst();

  // The file that is the VM's memory.
  absl::StatusOr<UniqueFd> Memory() const;
  // Hangs up on the agent. The VM goes on and is of no use to others any more.
  void Disconnect();
  // Stops the VM for good and writes the state of its devices to the empty file `state`. Memory() has the rest then.
  absl::Status Save(int state);
  // The same without hanging up: the VM stands still, and may Resume.
  absl::Status Suspend(int state);
  absl::Status Resume();

  // Asks the agent, then QEMU, then kills; removes what is left.
  void PowerOff();
  // Ends it at once; removes what is left.
  void Discard();

  bool dead() const;
  // Called once, on a thread of the VM's, when it ended other than by PowerOff; at once when it has.
  void OnDied(std::function<void()> callback);
  // Why it ended by itself, as a sentence. After PowerOff.
  std::string WhyEnded();

  // Called, on a thread of the VM's that must not be blocked, when QEMU could not read or write a disk: once for each
  // disk and kind while the disk is in the VM.
  using DiskErrorCallback = std::function<void(const DiskFault&)>;
  void OnDiskError(DiskErrorCallback callback);
  // Whether the host had no room for what was written to the distro's disk since it is in the VM.
  bool LackedSpace(const std::string& distro_id) const;

 private:
  explicit Vm(VmPaths paths);
  static absl::StatusOr<std::shared_ptr<Vm>> GoOn(const VmBootOptions& options, const LoadState& load,
                                                  const PlugDisks& plug, absl::Duration patience);
  absl::Status Spawn(const VmBootOptions& options, const QemuOptions& qemu, std::vector<int> inherited);
  using GiveUp = std::function<bool()>;
  // `give_up` may be null.
  absl::Status ConnectQmp(absl::Duration timeout, const GiveUp& give_up);
  absl::Status WaitForAgent(absl::Duration timeout, const GiveUp& give_up);
  absl::Status ConnectChannel(absl::Duration timeout, const GiveUp& give_up);
  // With state_->mutex held.
  absl::Status WriteRecord() const;
  void EndProcess();
  // With state_->mutex held: the lowest that is free.
  absl::StatusOr<int> FreeSlot() const;
  // For a distro's disk or a shared one: `disks` is the record's map of either. Enter: with state_->mutex held.
  template <class Disks>
  absl::Status Enter(Disks& disks, const std::string& name, const typename Disks::mapped_type& disk);
  template <class Disks>
  absl::Status Detach(Disks& disks, const std::string& name);
  absl::Status Plug(const VmDisk& disk, const std::string& serial, const UniqueFd& image, const std::string& driver,
                    bool read_only);
  absl::Status Unplug(const VmDisk& disk);
  // With state_->mutex held.
  bool UsesPasst() const;
  // Whether it runs, and leaves it when it doesn't.
  void LookForPasst();
  absl::Status LeavePasst(const std::string& why);
  // What QEMU's monitor for people says to a command.
  absl::StatusOr<std::string> HumanMonitor(const std::string& command);

  const VmPaths paths_;
  DetachedProcess process_;
  // It had to be ended.
  bool outlived_agent_ = false;
  // Why passt did not start; empty when it did.
  std::string passt_problem_;
  std::shared_ptr<runtime::v1::Channel> channel_;

  // What the connections' threads write. The channel may outlive the VM, since sessions hold it.
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool agent_there = false;
    bool dead = false;
    bool powering_off = false;
    std::set<std::string> deleted_devices;
    std::function<void()> on_died;
    DiskErrorCallback on_disk_error;
    // What went wrong with which disk (by QEMU's name of its node), so that it is told once.
    std::set<std::pair<std::string, bool>> disk_errors;
    // What is said of a disk when it fails, by the node's name.
    std::map<std::string, DiskFault> faults;
    // Of the event that QEMU ended with.
    std::string end_reason;
    // QEMU has closed its connection: no more events.
    bool qmp_ended = false;
    bool passt_ended = false;
    std::function<void()> on_passt_ended;

    void OnPasstEnded();
    void OnQmpEvent(const Qmp::Event& event);
    void OnBlockError(const Json& data);
    // With the mutex held, when the disk has left the VM.
    void Forget(const VmDisk& disk);
    void Died();
  };
  const std::shared_ptr<State> state_ = std::make_shared<State>();
  // Guarded by state_->mutex.
  VmRecord record_;
  std::unique_ptr<Qmp> qmp_;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_VM_H_
