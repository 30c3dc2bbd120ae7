// A running distro and what starts it, alike for both runtimes: this is all that wslmd knows of them.
//
// Implemented by runtime-v1 (RuntimeV1, runtime-v1/launcher/runtime_v1.h) and runtime-v2 (RuntimeV2,
// runtime-v2/host/runtime_v2.h).
#ifndef WSLM_PROTO_RUNTIME_V1_INSTANCE_H_
#define WSLM_PROTO_RUNTIME_V1_INSTANCE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "distros/host/error.h"
#include "wslm/runtime/v1/channel.h"
#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm::runtime::v1 {

// What a runtime must know of a distro to start it.
struct StartSpec {
  InstanceConfig config;
  // The distro's folder: holds rootfs/ and metadata.db (v1).
  std::string folder;
  // Its disk image (v2), and QEMU's block driver for it: "raw", "vpc" or "vhdx".
  std::string image;
  std::string image_driver = "raw";
  // The owner that lxfs' sticky bit stands for (v1).
  uint32_t second_owner_uid = 1000;
  uint32_t second_owner_gid = 1000;
};

// Something that a distro can't do by its nature, and a program tried.
struct LimitReached {
  // A name of runtime-v1/lxcore/limits.h.
  std::string kind;
  // Any bytes.
  std::string program;
  // Nothing of its kind was told of before since the distro's start.
  bool first = false;
};

// Something that went wrong with what distros run in.
struct Incident {
  enum class Kind {
    kVmEnded,      // the VM ended by itself, and its distros with it
    kOutOfMemory,  // processes are ended
    kDiskFull,     // the host has no room for what is written to a disk
    kDiskError,    // a disk can't be read or written
    kNetwork,      // connections to the network were lost
  };
  Kind kind = Kind::kVmEnded;
  std::vector<std::string> distro_ids;
  // For a person, in sentences.
  std::string message;
};

// A distro whose init runs. Thread-safe.
class Instance {
 public:
  virtual ~Instance() = default;
  virtual const std::string& distro_id() const = 0;
  // Where to open streams; put distro_id() into each OpenRequest. Never null.
  virtual std::shared_ptr<Channel> channel() const = 0;
  // Ends it: SIGTERM, `grace`, SIGKILL; returns when nothing of it is left and its files are closed and synced.
  // Idempotent.
  virtual absl::Status Stop(absl::Duration grace) = 0;
  // Makes its disk and the file system on it `bytes` large, which is not less than the disk has now, while it runs. May
  // be repeated after a failure. Blocks. Errors: INVALID_ARGUMENT where it has no disk of its own, IO_ERROR.
  virtual absl::Status GrowDisk(int64_t /*bytes*/) {
    return wslm::Error(absl::StatusCode::kInvalidArgument, wslm::reason::kInvalidArgument,
                       "Only a version 2 distro has a disk that could grow.");
  }
  // Called once, on some thread, when it ended, however.
  virtual void OnExit(std::function<void()> callback) = 0;

  // Whether a person was told: until one is, the kind is told of again when it comes again.
  using LimitCallback = std::function<bool(const LimitReached&)>;
  // `callback` is called, on some thread, one at a time, for what programs run into. Nothing for v2.
  virtual void OnLimit(LimitCallback) {}
  // Returns when the callback has been called for all that was run into before. Doesn't ask the distro.
  virtual void TellLimits() {}
};

class Runtime {
 public:
  using Found = std::function<void(const std::vector<std::shared_ptr<Instance>>&)>;
  // What lives and has not answered yet.
  struct Unanswered {
    // Why; OK when there is nothing of the kind.
    absl::Status status;
    // The distros that may run in it.
    std::vector<std::string> distro_ids;
  };

  virtual ~Runtime() = default;
  // Starts the distro; blocks until its init answers. `note` is told in a few words what takes long ("fetching the
  // kernel", "booting the VM (tcg)"). Errors carry the reasons of wslm.v1.ErrorReason (START_FAILED, HOST_UNSUPPORTED,
  // KERNEL_UNAVAILABLE, …). Different distros may be started at once.
  virtual absl::StatusOr<std::shared_ptr<Instance>> Start(const StartSpec& spec,
                                                          std::function<void(const std::string&)> note) = 0;
  // Finds what an earlier daemon left running, and removes what it left dead. Called once, before anything else.
  virtual std::vector<std::shared_ptr<Instance>> Adopt() = 0;
  // What Adopt found alive but got no answer from. It is never ended for that: it is asked on and on, and `found` is
  // called once, on a thread of the runtime's, with the instances that run there when it answers, or with none when it
  // has ended. To be called once, after Adopt. Nothing for v1, whose distros each answer for themselves.
  virtual Unanswered AdoptLater(Found) { return {}; }
  // The distro is deleted: removes what is left of its last run, which a person may have wanted to look into. Not while
  // it runs.
  virtual void Forget(const std::string& /*distro_id*/) {}
  // `callback` is called, on some thread of the runtime's, one at a time, for what goes wrong: before OnExit of the
  // instances that end by it. To be called once, before Adopt. Nothing for v1.
  virtual void OnIncident(std::function<void(const Incident&)>) {}
  // Whether something besides instances needs what the runtime itself runs, so that it must not be stopped as idle.
  virtual bool needed() const { return false; }
  // Stops what the runtime itself runs (the VM) once no instance is left, needed() or not; one that does not answer is
  // ended at once, and AdoptLater's `found` has been called when this returns. No-op for v1.
  virtual absl::Status Shutdown() = 0;
  // Stops it likewise, but not when something needs it (needed()) or begins to. False: it was left running.
  virtual absl::StatusOr<bool> ShutdownIfUnneeded() { return true; }
  // Puts what the runtime itself runs (the VM) to sleep with all instances, which are of no use from then on and don't
  // tell of an end. It sleeps over ends of the daemon and of the host, until Wake or the first Start. Not while
  // anything is asked of an instance. Errors: FAILED_PRECONDITION with who or what is in the way, DISK_FULL, IO_ERROR;
  // all goes on then. Nothing sleeps in v1.
  virtual absl::Status Hibernate() {
    return wslm::Error(absl::StatusCode::kFailedPrecondition, wslm::reason::kInvalidArgument,
                       "Only version 2 distros can be hibernated.");
  }
  // The distros that sleep; after Adopt.
  virtual std::vector<std::string> hibernated() const { return {}; }
  // Has them go on. OnWoken's callback has been called when it returns OK; when nothing sleeps it does nothing. Error:
  // why they can't go on now; all sleeps on, and it may be tried again.
  virtual absl::Status Wake(std::function<void(const std::string&)> /*note*/) { return absl::OkStatus(); }
  // What sleeps ends as by a power cut; OnWoken's callback has been called when it returns, unless nothing slept.
  virtual void GiveUpHibernated() {}
  // `callback` is called, on some thread, whenever what slept was woken or given up, with the instances that run again:
  // those that slept and are not there have ended. To be called once, before Adopt.
  virtual void OnWoken(Found) {}
  // Ends what the runtime itself runs (the VM) at once, and with it all instances, which have told so when this
  // returns. For a VM in which a distro could not be stopped. No-op for v1.
  virtual void End() {}
};

}  // namespace wslm::runtime::v1

#endif  // WSLM_PROTO_RUNTIME_V1_INSTANCE_H_
