// The mount namespaces of the VM: what is mounted in each, and the way into it.
#ifndef WSLM_RUNTIME_V2_AGENT_MOUNT_NAMESPACES_H_
#define WSLM_RUNTIME_V2_AGENT_MOUNT_NAMESPACES_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"
#include "runtime-v2/agent/mount_table.h"

namespace wslm {

// Found by a process; no other is taken for it when it is gone.
struct MountNamespace {
  pid_t process = 0;
  uint64_t process_started = 0;
  ino_t inode = 0;
  // Files that are namespaces: the first one of the process's in the agent's /proc, each other in the namespace that
  // the one before is. Escaped, as MountLine's paths.
  std::vector<std::string> way;

  friend bool operator==(const MountNamespace&, const MountNamespace&) = default;
};

struct NamespaceMounts {
  MountNamespace where;
  std::vector<MountLine> mounts;
};

// Has this process, of one thread, be in other mount namespaces; it ends in the agent's own.
class NamespaceVisit {
 public:
  // From the agent's own.
  static absl::StatusOr<NamespaceVisit> Begin();
  NamespaceVisit(NamespaceVisit&&) = default;
  ~NamespaceVisit();

  absl::Status GoHome();
  // NOT_FOUND: it is gone, or its process is.
  absl::Status Enter(const MountNamespace& where);
  // Of the namespace that it is in.
  absl::StatusOr<std::vector<MountLine>> Mounts() const;

 private:
  NamespaceVisit() = default;

  // The agent's, and its /proc, which other namespaces may lack.
  UniqueFd home_;
  UniqueFd proc_;
};

// Each namespace once, but not the agent's own: those of processes, those that a process has open, and those that are
// mounted in any of these, which need no process. Error: FAILED_PRECONDITION when one is known of, but not to be had.
absl::StatusOr<std::vector<NamespaceMounts>> MountsOfOtherNamespaces(NamespaceVisit& visit);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_MOUNT_NAMESPACES_H_
