// A distro's first process, in namespaces of its own behind the filter.
//
//   ASSIGN_OR_RETURN(Container container, Container::Make(plan));   // after EnterUserNamespace, with one thread
//   … start lxcore on container.listener() …
//   RETURN_IF_ERROR(container.Release());                            // the first process becomes init
//   container.process()                                              // readable when it ended
//
// The first process is a child of the caller, which waits for it, and is killed when the caller ends.
#ifndef WSLM_RUNTIME_V1_LXCORE_CONTAINER_H_
#define WSLM_RUNTIME_V1_LXCORE_CONTAINER_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/mounts.h"

namespace wslm::lxcore {

struct ContainerPlan {
  MountPlan mounts;
  std::string hostname;
  // The program to exec as process 1: a descriptor, or a path inside when it is none. Without `init`, process 1 is a
  // reaper that runs `arguments` from the distro and ends with its exit code.
  UniqueFd init;
  std::vector<std::string> arguments;
  // Descriptors that init keeps under these numbers.
  std::vector<int> kept;
  // Processes may answer plain cases by themselves (fast_path.h).
  bool fast_path = false;
  // Keep the session and the terminal of the caller: for `wslm-lxcore -- COMMAND`.
  bool foreground = false;
};

class Container {
 public:
  static absl::StatusOr<Container> Make(const ContainerPlan& plan);

  pid_t pid() const { return pid_; }
  int process() const { return process_.get(); }
  int listener() const { return listener_.get(); }
  absl::Status Release();

 private:
  pid_t pid_ = 0;
  UniqueFd process_;
  UniqueFd listener_;
  UniqueFd go_;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_CONTAINER_H_
