// wslm-agent: PID 1 of the VM, and, called as modprobe, the kernel's helper that loads modules.
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "distros/host/error.h"
#include "distros/host/event_loop.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/agent/agent.h"
#include "runtime-v2/agent/boot.h"
#include "runtime-v2/agent/cgroup.h"
#include "runtime-v2/agent/child_task.h"
#include "runtime-v2/agent/children.h"
#include "runtime-v2/agent/device_rule.h"
#include "runtime-v2/agent/disk.h"
#include "runtime-v2/agent/log.h"
#include "runtime-v2/agent/modprobe.h"
#include "runtime-v2/modules/vm_names.h"

namespace wslm {
namespace {

// The modules' disk appears some time after boot; until then only the initramfs' modules can be loaded.
absl::Status MountModules() {
  const std::string folder = "/lib/modules/" + KernelRelease();
  ::mkdir("/lib", 0755);
  ::mkdir("/lib/modules", 0755);
  ::mkdir(folder.c_str(), 0755);
  ASSIGN_OR_RETURN(const bool modular, HasBootModules());
  // All is built in: there is no such disk.
  if (!modular) return absl::OkStatus();
  const auto disk = WaitForDisk(kModulesWwid, absl::Seconds(20));
  if (!disk.ok()) return disk.status();
  if (::mount(disk->path.c_str(), folder.c_str(), "ext4", MS_RDONLY | MS_NODEV | MS_NOSUID, "") != 0) {
    return ErrnoError("cannot mount", folder);
  }
  // Devices that nobody opens, so that nobody asks for their drivers; and what the first distro would wait for, which a
  // snapshot has then.
  return LoadModules({"virtio_balloon", "virtio_rng", "9p", "9pnet_virtio"});
}

absl::Status Run() {
  RETURN_IF_ERROR(MountBasics());
  RETURN_IF_ERROR(LoadBootModules());
  ASSIGN_OR_RETURN(UniqueFd port, OpenVirtioPort(kControlPort));
  EventLoop loop;
  Children children(loop);
  RETURN_IF_ERROR(children.Init());
  // FrameLink wants EPIPE.
  ::signal(SIGPIPE, SIG_IGN);
  RETURN_IF_ERROR(PrepareCgroups());
  RETURN_IF_ERROR(PrepareDeviceRules());
  RETURN_IF_ERROR(SharedDisks::MakeFolder());
  Agent agent(loop, children, std::move(port));
  RETURN_IF_ERROR(agent.Begin());
  RunInChild(
      loop, [](std::string&) { return MountModules(); },
      [](const absl::Status& status, const std::string&) { LogIfError("modules", status); });
  LogIfError("network", SetUpNetwork());
  loop.Run();
  return absl::OkStatus();
}

}  // namespace
}  // namespace wslm

int main(int argc, char** argv) {
  const std::string_view program = argv[0];
  if (program.ends_with("modprobe")) return wslm::ModprobeMain(argc, argv);
  if (::getpid() != 1) {
    std::fprintf(stderr, "wslm-agent is the first process of wslm's VM; it does nothing elsewhere.\n");
    return 2;
  }
  // Returns only when the VM is of no use; the host sees it end.
  wslm::LogIfError("boot", wslm::Run());
  ::sleep(1);
  ::reboot(RB_AUTOBOOT);
  return 1;
}
