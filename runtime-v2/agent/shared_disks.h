// Disks that are no distro's own: mounted below /mnt/wsl in every distro, or seen as devices in its /dev.
//
// They are mounted once, in the agent's own tree; the distros' folders are slaves of that (mount_namespaces(7)), so
// that what comes and goes there comes and goes in all of them.
#ifndef WSLM_RUNTIME_V2_AGENT_SHARED_DISKS_H_
#define WSLM_RUNTIME_V2_AGENT_SHARED_DISKS_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "distros/host/event_loop.h"
#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm {

// Where they are mounted in the agent's tree.
inline constexpr char kSharedDisksFolder[] = "/wsl";

// Not thread-safe; lives on the loop's thread.
class SharedDisks {
 public:
  // `inits` answers the first processes of the distros that may see the disks.
  SharedDisks(EventLoop& loop, std::function<std::vector<pid_t>()> inits) : loop_(loop), inits_(std::move(inits)) {}

  // Once, before the first distro.
  static absl::Status MakeFolder();

  using Mounted = std::function<void(const absl::Status&, const runtime::v1::MountedDisk&)>;
  void Mount(const runtime::v1::DiskMount& request, Mounted done);
  // No such disk is no error. Error: IO_ERROR while a program uses it or it is just coming or going; it is not to be
  // taken away then, and can be unmounted again.
  void Unmount(const std::string& name, std::function<void(const absl::Status&)> done);
  // Puts the bare disks into the /dev of a distro that has just started.
  void ShowIn(pid_t init);
  // At the end of all: in the calling process.
  void UnmountAll();

 private:
  struct Node {
    std::string name;  // "sdc1"
    dev_t device = 0;
  };
  struct Disk {
    // It is being mounted or unmounted, in a child.
    bool changing = true;
    // Bare: the whole disk and its partitions.
    std::vector<Node> nodes;
    std::string device;  // "/dev/sdc"
  };

  void MountedInChild(const runtime::v1::DiskMount& request, const std::string& result, const Mounted& done);
  void UnmountedInChild(const std::string& name, const absl::Status& status,
                        const std::function<void(const absl::Status&)>& done);
  // In all distros that may see them: they may be opened, and are in /dev; and the other way round.
  void Show(const std::vector<Node>& nodes);
  void Hide(const std::vector<Node>& nodes);
  static void MakeNodes(pid_t init, const std::vector<Node>& nodes);
  static void RemoveNodes(pid_t init, const std::vector<Node>& nodes);

  EventLoop& loop_;
  const std::function<std::vector<pid_t>()> inits_;
  std::map<std::string, Disk> disks_;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_SHARED_DISKS_H_
