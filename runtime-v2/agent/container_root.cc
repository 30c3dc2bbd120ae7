#include "runtime-v2/agent/container_root.h"

#include <fcntl.h>
#include <linux/major.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"
#include "runtime-v2/agent/boot.h"
#include "runtime-v2/agent/file.h"
#include "runtime-v2/agent/host_folders.h"
#include "runtime-v2/agent/log.h"
#include "runtime-v2/agent/mount_point.h"
#include "runtime-v2/agent/shared_disks.h"

namespace wslm {
namespace {

std::string ModulesFolder() { return "lib/modules/" + KernelRelease(); }

// A file that was made for the distro, in the agent's root.
std::string ServedFile(const std::string& distro_id, const std::string& name) {
  return "/run/wslm/" + distro_id + "." + name;
}

WslConf ReadConf(int root) {
  const auto file = OpenInRoot(root, "etc/wsl.conf", O_RDONLY | O_NONBLOCK);
  return ReadWslConf(file.ok() ? ReadAll(file->get(), "wsl.conf").value_or("") : "");
}

// Where the host's `/` goes, relative to the distro's root; empty when it isn't wanted. The distro's wsl.conf can move
// it or switch it off, never on.
std::string HostMountPoint(const runtime::v1::InstanceConfig& config, const WslConf& conf) {
  return config.automount() && conf.automount ? conf.host_folder.substr(1) : "";
}

// Where the disks that are no distro's own are seen, relative to the distro's root; empty in an isolated one.
std::string SharedDisksMountPoint(const runtime::v1::InstanceConfig& config, const WslConf& conf) {
  if (!config.automount()) return "";
  return conf.host_folder.substr(1, conf.host_folder.rfind('/')) + "wsl";
}

struct Served {
  const char* name;
  const char* path;
  std::string content;
  bool wanted;
};

std::vector<Served> ServedFiles(const runtime::v1::InstanceConfig& config, const WslConf& conf) {
  return {{"resolv.conf", "etc/resolv.conf", config.resolv_conf(),
           conf.generate_resolv_conf && !config.resolv_conf().empty()},
          {"hosts", "etc/hosts", HostsWithName(conf, config.hosts()), conf.generate_hosts && !config.hosts().empty()}};
}

// `mode` with the type.
absl::Status MakeNode(int dev, const char* name, mode_t mode, unsigned major_number, unsigned minor_number) {
  // The umask takes bits off.
  if (::mknodat(dev, name, mode, makedev(major_number, minor_number)) != 0 ||
      ::fchmodat(dev, name, mode & 0777, 0) != 0) {
    return ErrnoError("cannot make", std::string("/dev/") + name);
  }
  return absl::OkStatus();
}

// On a devtmpfs a loop device's node would come with the device; here they are all there beforehand.
constexpr unsigned kLoopDevices = 32;

absl::Status MakeLoopDevices(int dev) {
  for (unsigned i = 0; i < kLoopDevices; ++i) {
    const std::string name = "loop" + std::to_string(i);
    RETURN_IF_ERROR(MakeNode(dev, name.c_str(), S_IFBLK | 0660, LOOP_MAJOR, i));
  }
  return absl::OkStatus();
}

absl::Status FillDev(int root) {
  ASSIGN_OR_RETURN(const UniqueFd dev, OpenInRoot(root, "dev", O_RDONLY | O_DIRECTORY));
  for (const char* folder : {"pts", "shm", "mqueue", "net", "mapper"}) ::mkdirat(dev.get(), folder, 0755);
  RETURN_IF_ERROR(MakeNode(dev.get(), "null", S_IFCHR | 0666, 1, 3));
  RETURN_IF_ERROR(MakeNode(dev.get(), "zero", S_IFCHR | 0666, 1, 5));
  RETURN_IF_ERROR(MakeNode(dev.get(), "full", S_IFCHR | 0666, 1, 7));
  RETURN_IF_ERROR(MakeNode(dev.get(), "random", S_IFCHR | 0666, 1, 8));
  RETURN_IF_ERROR(MakeNode(dev.get(), "urandom", S_IFCHR | 0666, 1, 9));
  RETURN_IF_ERROR(MakeNode(dev.get(), "kmsg", S_IFCHR | 0644, 1, 11));
  RETURN_IF_ERROR(MakeNode(dev.get(), "tty", S_IFCHR | 0666, 5, 0));
  RETURN_IF_ERROR(MakeNode(dev.get(), "fuse", S_IFCHR | 0666, 10, 229));
  RETURN_IF_ERROR(MakeNode(dev.get(), "loop-control", S_IFCHR | 0660, 10, 237));
  RETURN_IF_ERROR(MakeNode(dev.get(), "net/tun", S_IFCHR | 0666, 10, 200));
  RETURN_IF_ERROR(MakeNode(dev.get(), "btrfs-control", S_IFCHR | 0660, 10, 234));
  RETURN_IF_ERROR(MakeNode(dev.get(), "mapper/control", S_IFCHR | 0600, 10, 236));
  RETURN_IF_ERROR(MakeLoopDevices(dev.get()));
  constexpr const char* kLinks[][2] = {{"pts/ptmx", "ptmx"},
                                       {"/proc/self/fd", "fd"},
                                       {"/proc/self/fd/0", "stdin"},
                                       {"/proc/self/fd/1", "stdout"},
                                       {"/proc/self/fd/2", "stderr"}};
  for (const auto& [target, link] : kLinks) {
    if (::symlinkat(target, dev.get(), link) != 0) return ErrnoError("cannot make", link);
  }
  return absl::OkStatus();
}

absl::Status MountKernelFolders(int root) {
  constexpr unsigned long kPlain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  RETURN_IF_ERROR(MountInRoot(root, "proc", "proc", "proc", kPlain, ""));
  RETURN_IF_ERROR(MountInRoot(root, "sys", "sysfs", "sysfs", kPlain, ""));
  RETURN_IF_ERROR(MountInRoot(root, "sys/fs/cgroup", "cgroup2", "cgroup2", kPlain, "nsdelegate"));
  RETURN_IF_ERROR(MountInRoot(root, "dev", "tmpfs", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755"));
  RETURN_IF_ERROR(FillDev(root));
  RETURN_IF_ERROR(MountInRoot(root, "dev/pts", "devpts", "devpts", MS_NOSUID | MS_NOEXEC,
                              "newinstance,ptmxmode=0666,mode=0620,gid=5"));
  RETURN_IF_ERROR(MountInRoot(root, "dev/shm", "tmpfs", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"));
  RETURN_IF_ERROR(MountInRoot(root, "dev/mqueue", "mqueue", "mqueue", kPlain, ""));
  return MountInRoot(root, "run", "tmpfs", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
}

// /etc/resolv.conf is often a link into /run, which is empty now: make what it leads to.
void MakeTargetInRun(int root, const std::string& path) {
  const auto link = OpenInRoot(root, path, O_PATH | O_NOFOLLOW);
  char buffer[4096];
  const ssize_t size = link.ok() ? ::readlinkat(link->get(), "", buffer, sizeof buffer) : -1;
  if (size <= 0) return;
  std::string target(buffer, static_cast<size_t>(size));
  target.erase(0, target.find_first_not_of("./"));
  std::vector<std::string> made;
  if (target.starts_with("run/")) LogIfError("start", MakeMountPoint(root, target, false, made));
}

absl::Status Bind(int root, const std::string& source, const std::string& path, unsigned long flags) {
  RETURN_IF_ERROR(MountInRoot(root, path, source.c_str(), nullptr, MS_BIND | MS_REC, nullptr));
  if (flags == 0) return absl::OkStatus();
  return MountInRoot(root, path, nullptr, nullptr, MS_REMOUNT | MS_BIND | flags, nullptr);
}

void BindHost(int root, const std::string& distro_name, const std::string& path) {
  // Else it would be an empty folder of the VM's memory.
  if (!HostIsMounted()) {
    return Log("start: the host's folders are missing; '" + Escaped(distro_name) + "' has them after its next start.");
  }
  LogIfError("start", Bind(root, kHostFolder, path, MS_NOSUID | MS_NODEV));
}

}  // namespace

WslConf ConfOfRoot(const std::string& root) {
  const UniqueFd folder(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return ReadConf(folder.get());
}

absl::StatusOr<std::vector<std::string>> PrepareContainerRoot(const runtime::v1::InstanceConfig& config,
                                                              const std::string& root) {
  const UniqueFd folder(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return ErrnoError("cannot open", root);
  std::vector<std::string> made;
  for (const char* path : {"proc", "sys", "dev", "run"}) {
    RETURN_IF_ERROR(MakeMountPoint(folder.get(), path, true, made));
  }
  LogIfError("start", MakeMountPoint(folder.get(), ModulesFolder(), true, made));
  const WslConf conf = ReadConf(folder.get());
  ::mkdir("/run/wslm", 0755);
  for (const Served& served : ServedFiles(config, conf)) {
    if (!served.wanted) continue;
    RETURN_IF_ERROR(WriteInOne(ServedFile(config.distro_id(), served.name), served.content));
    // Fails where a link dangles, which is seen to when /run is there.
    MakeMountPoint(folder.get(), served.path, false, made).IgnoreError();
  }
  const std::string host = HostMountPoint(config, conf);
  const absl::Status host_mounted = MountHost();
  if (host.empty()) {
    RETURN_IF_ERROR(host_mounted);
  } else if (LogIfError("start", host_mounted)) {
    LogIfError("start", MakeMountPoint(folder.get(), host, true, made));
  }
  const std::string disks = SharedDisksMountPoint(config, conf);
  if (!disks.empty()) LogIfError("start", MakeMountPoint(folder.get(), disks, true, made));
  return made;
}

absl::Status EnterContainerRoot(const runtime::v1::InstanceConfig& config, const std::string& root) {
  // The shared disks' folder, which alone is shared in the agent's tree, is followed; all else is this distro's own.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return ErrnoError("cannot part", "/");
  const UniqueFd folder(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return ErrnoError("cannot open", root);
  const WslConf conf = ReadConf(folder.get());
  const std::string& hostname = conf.hostname.empty() ? config.hostname() : conf.hostname;
  if (::sethostname(hostname.data(), hostname.size()) != 0) return ErrnoError("cannot set the host name", hostname);
  RETURN_IF_ERROR(MountKernelFolders(folder.get()));
  LogIfError("start", Bind(folder.get(), "/" + ModulesFolder(), ModulesFolder(), MS_RDONLY | MS_NOSUID | MS_NODEV));
  for (const Served& served : ServedFiles(config, conf)) {
    if (!served.wanted) continue;
    if (!OpenInRoot(folder.get(), served.path, O_PATH).ok()) MakeTargetInRun(folder.get(), served.path);
    LogIfError("start", Bind(folder.get(), ServedFile(config.distro_id(), served.name), served.path, 0));
  }
  const std::string host = HostMountPoint(config, conf);
  if (!host.empty()) BindHost(folder.get(), config.distro_name(), host);
  const std::string disks = SharedDisksMountPoint(config, conf);
  if (!disks.empty()) LogIfError("start", Bind(folder.get(), kSharedDisksFolder, disks, 0));
  if (::fchdir(folder.get()) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0 || ::umount2(".", MNT_DETACH) != 0 ||
      ::chdir("/") != 0) {
    return ErrnoError("cannot change to", root);
  }
  // As on a machine of its own: what is mounted later is seen in bind mounts, as container engines want it.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr) != 0) return ErrnoError("cannot share", "/");
  return absl::OkStatus();
}

}  // namespace wslm
