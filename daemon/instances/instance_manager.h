// Which distros run: starts them when they are needed, stops them when nobody needs them any more, and finds those that
// an earlier daemon started.
//
//   ASSIGN_OR_RETURN(InstanceUse use, instances.Acquire(entry, {}));
//   use.channel()->Open(request, observer);   // it stays up as long as `use` lives
//
// Thread-safe. Functions that start, stop or ask a distro block.
#ifndef WSLM_DAEMON_INSTANCES_INSTANCE_MANAGER_H_
#define WSLM_DAEMON_INSTANCES_INSTANCE_MANAGER_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/log.h"
#include "daemon/operations/distro_locks.h"
#include "distros/registry/registry.h"
#include "wslm/runtime/v1/instance.h"
#include "wslm/v1/distro.pb.h"

namespace wslm::daemon {

class InstanceManager;

// Keeps a running distro from being stopped as idle. Movable.
class InstanceUse {
 public:
  InstanceUse() = default;
  InstanceUse(InstanceUse&& other) noexcept;
  InstanceUse& operator=(InstanceUse&& other) noexcept;
  ~InstanceUse() { Release(); }
  void Release();

  explicit operator bool() const { return manager_ != nullptr; }
  const std::string& distro_id() const { return distro_id_; }
  const std::shared_ptr<runtime::v1::Channel>& channel() const { return channel_; }

 private:
  friend class InstanceManager;
  InstanceUse(InstanceManager* manager, std::string distro_id, std::shared_ptr<runtime::v1::Channel> channel)
      : manager_(manager), distro_id_(std::move(distro_id)), channel_(std::move(channel)) {}

  InstanceManager* manager_ = nullptr;
  std::string distro_id_;
  std::shared_ptr<runtime::v1::Channel> channel_;
};

class InstanceManager {
 public:
  struct Timing {
    // After the last session and the last process.
    absl::Duration idle_timeout = absl::Seconds(15);
    // Between two looks at what an instance without sessions still runs.
    absl::Duration poll = absl::Seconds(5);
    // After the last v2 instance.
    absl::Duration vm_timeout = absl::Seconds(60);
    // After the last use of a version 2 distro, while some run: OnQuiet's callback is told.
    absl::Duration hibernate_timeout = absl::InfiniteDuration();
    // For a distro whose runtime lives and has not answered yet.
    absl::Duration answer_patience = absl::Seconds(60);
  };
  // Told in a few words what takes long.
  using Note = std::function<void(const std::string&)>;
  struct AcquireOptions {
    // The operation that asks, which holds the distro's lock itself.
    std::string operation_id;
    // Called while the distro starts, on whatever thread, by no means after Acquire returned. May be null.
    Note note;
  };

  // All outlive it. `changed` is told, on some thread, the id of a distro that began or ceased to run.
  InstanceManager(runtime::v1::Runtime& v1, runtime::v1::Runtime& v2, DistroLocks& locks, Log& log, Timing timing,
                  std::function<void(const std::string&)> changed);
  // Instances go on.
  ~InstanceManager();
  InstanceManager(const InstanceManager&) = delete;
  InstanceManager& operator=(const InstanceManager&) = delete;

  // Whom to tell of what programs run into; answers whether a person was told. Called on some thread. Before Adopt.
  using LimitCallback = std::function<bool(const std::string& distro_id, const runtime::v1::LimitReached& limit)>;
  void OnLimit(LimitCallback callback) { limit_ = std::move(callback); }
  // Whom to tell of what goes wrong with what distros run in. Called on some thread. Before Adopt.
  using IncidentCallback = std::function<void(const runtime::v1::Incident& incident)>;
  void OnIncident(IncidentCallback callback) { incident_ = std::move(callback); }
  // Whom to tell that nobody has used a version 2 distro for the time after which the VM is to be hibernated: he calls
  // HibernateVm. Called on the thread that looks after all distros, which he must not block. Before Adopt.
  void OnQuiet(std::function<void()> callback) { quiet_ = std::move(callback); }
  // For who was just told that a distro ended: why, as a sentence; empty when that isn't known. Blocks for some seconds
  // where the whole VM ended and it isn't known yet why.
  std::string WhyEnded(const std::string& distro_id);
  // Returns when that was told which a running distro's programs ran into before.
  void TellLimits(const std::string& distro_id);

  // From now on nothing is stopped by itself and nobody is told of changes. Idempotent; the destructor does it too.
  void Quiesce();

  // Takes over what runs already. Those that are not in `entries` are stopped. What lives but has not answered yet is
  // STARTING until it does. Call it once, before all else.
  void Adopt(const std::vector<RegistryEntry>& entries);

  // Starts the distro unless it runs; who comes while it starts waits and shares the result. Errors: those of
  // Runtime::Start, DISTRO_BUSY, DISTRO_BROKEN; of this and all that wait, RUNTIME_DIED (UNAVAILABLE) when what it runs
  // in does not answer.
  absl::StatusOr<InstanceUse> Acquire(const RegistryEntry& entry, const AcquireOptions& options);
  // Of one that runs. nullopt otherwise.
  std::optional<InstanceUse> AcquireRunning(const std::string& distro_id);
  // Blocks while it is not known yet whether it runs, because what it may run in has not answered. Wakes one that
  // sleeps.
  absl::Status WaitUntilKnown(const std::string& distro_id);

  // Puts the VM to sleep with the distros in it, and answers their ids. Whatever is done with one of them wakes it.
  // Who comes while another does that waits for it. Errors: FAILED_PRECONDITION with who or what is in the way,
  // DISK_FULL, IO_ERROR.
  absl::StatusOr<std::vector<std::string>> HibernateVm();

  // STOPPED, STARTING, RUNNING, STOPPING or HIBERNATED.
  v1::DistroState StateOf(const std::string& distro_id) const;
  std::vector<std::string> RunningIds() const;
  // Open sessions; what was known last when the distro does not answer within half a second.
  int SessionCount(const std::string& distro_id);

  // Makes the disk of a distro that runs `bytes` large. False: it does not run. Errors: those of Instance::GrowDisk.
  absl::StatusOr<bool> GrowRunning(const std::string& distro_id, int64_t bytes);

  // Idempotent.
  absl::Status Stop(const std::string& distro_id, absl::Duration grace);
  // It is deleted, and stopped.
  void Forget(const std::string& distro_id);
  // All of them at once, then the VM, which is ended with those in it that could not be stopped. A VM that sleeps and
  // can't go on now is given up when `grace` is none at all, and an error otherwise. Answers the ids of those that ran
  // or slept. Error: why one of them runs or sleeps on.
  absl::StatusOr<std::vector<std::string>> StopAll(absl::Duration grace);

  // For an operation that holds the distro's lock and needs it stopped. Error: DISTRO_RUNNING with the sessions, when
  // there are some and `terminate` is not set. The first only looks.
  absl::Status CheckStoppable(const RegistryEntry& entry, bool terminate);
  absl::Status EnsureStopped(const RegistryEntry& entry, bool terminate);

 private:
  friend class InstanceUse;
  struct Slot {
    v1::DistroState state = v1::DISTRO_STATE_STOPPED;
    std::shared_ptr<runtime::v1::Instance> instance;
    // It told so, whatever the state.
    bool exited = false;
    std::string name;
    int version = 1;
    int uses = 0;
    // Of those that waited for the same start.
    absl::Status start_error;
    int64_t starts = 0;
    std::optional<absl::Time> idle_since;
    int sessions = 0;
    // Why it ended last; empty when it was stopped, or nothing is known.
    std::string ended_because;
    // STARTING, in the sense that it may run, and its runtime has not answered yet.
    bool unanswered = false;
    // STOPPING, in the sense that the VM is put to sleep with it.
    bool falling_asleep = false;
    // Who waits for its start, and the last note.
    std::vector<const Note*> notes;
    std::string last_note;
  };
  using Entries = std::map<std::string, RegistryEntry>;
  // Lets callbacks of instances find out that the manager is gone.
  struct Life {
    std::mutex mutex;
    InstanceManager* manager = nullptr;
  };

  // False: nobody knows it, and it was stopped. Else WatchExit is still to be called.
  bool TakeOver(const std::shared_ptr<runtime::v1::Instance>& instance, int version, const Entries& known);
  void AdoptUnanswered(const Entries& known);
  // The end of what it began. Answers those that were taken over.
  std::vector<std::shared_ptr<runtime::v1::Instance>> Answered(
      const std::vector<std::string>& waiting, const std::vector<std::shared_ptr<runtime::v1::Instance>>& found,
      const Entries& known);
  // For the log.
  static std::string Shown(absl::Duration duration);
  void TellNote(const std::string& distro_id, const std::string& note);
  // Waits until `done`, but not for ever while the slot's runtime does not answer.
  template <class Done>
  absl::Status WaitLocked(std::unique_lock<std::mutex>& lock, const Slot& slot, const Done& done);
  void ReleaseUse(const std::string& distro_id, std::shared_ptr<runtime::v1::Channel> channel);
  absl::StatusOr<InstanceUse> UseLocked(const std::string& distro_id, Slot& slot);
  // Not with the life's lock held: of an instance that has ended already the callback is called at once.
  static void WatchExit(const std::shared_ptr<Life>& life, const std::string& distro_id,
                        const std::shared_ptr<runtime::v1::Instance>& instance);
  void OnExit(const std::string& distro_id, const runtime::v1::Instance* instance);
  void TellIncident(const runtime::v1::Incident& incident);
  // Stops the slot's instance; the lock is released meanwhile.
  absl::Status StopLocked(std::unique_lock<std::mutex>& lock, const std::string& distro_id, absl::Duration grace);
  absl::Status WaitUntilSettledLocked(std::unique_lock<std::mutex>& lock, const std::string& distro_id);
  // Has the VM go on when the slot's distro sleeps in it; the lock is released meanwhile. Error: why it can't now.
  absl::Status WakeLocked(std::unique_lock<std::mutex>& lock, Slot& slot, const Note& note);
  // Those that slept run again, or have ended. Answers those that nobody knows.
  using Instances = std::vector<std::shared_ptr<runtime::v1::Instance>>;
  Instances Woken(const Instances& found);
  // Error: who is in the way. Else the ids of those that run in the VM.
  absl::StatusOr<std::vector<std::string>> HibernatableLocked() const;
  void HibernateWhenQuiet();
  void Housekeep();
  void StopIdle();
  // For as long as it is kept.
  bool VmIsUnusedLocked() const;
  void ShutDownVmWhenUnused();

  runtime::v1::Runtime& v1_;
  runtime::v1::Runtime& v2_;
  DistroLocks& locks_;
  Log& log_;
  const Timing timing_;
  const std::function<void(const std::string&)> changed_;
  LimitCallback limit_;
  IncidentCallback incident_;
  std::function<void()> quiet_;
  const std::shared_ptr<Life> life_ = std::make_shared<Life>();

  mutable std::mutex mutex_;
  std::condition_variable settled_;
  std::map<std::string, Slot> slots_;
  // Instances and channels are let go of on channels' own threads, where they can't be destroyed.
  std::vector<std::shared_ptr<void>> ended_;
  // Set while a VM may run that no instance needs.
  std::optional<absl::Time> vm_unused_since_;
  // Since when nobody uses the distros in the VM.
  std::optional<absl::Time> vm_quiet_since_;
  bool vm_stopping_ = false;
  bool hibernating_ = false;
  bool stop_ = false;
  std::condition_variable housekeeper_wake_;
  std::thread housekeeper_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_INSTANCES_INSTANCE_MANAGER_H_
