#include "runtime-v2/agent/container.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <sstream>

#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"
#include "runtime-v2/agent/cgroup.h"
#include "runtime-v2/agent/container_root.h"
#include "runtime-v2/agent/file.h"
#include "runtime-v2/agent/log.h"
#include "runtime-v2/agent/mount_point.h"

namespace wslm {
namespace {

constexpr char kInit[] = "/wslm-init";
// Where init finds its descriptors.
constexpr int kConfigFd = 3;
constexpr int kChannelFd = 4;
constexpr absl::Duration kDiskTimeout = absl::Seconds(30);
constexpr absl::Duration kReleaseTimeout = absl::Seconds(10);
constexpr char kNamespaces[] = "mount, pid, uts, ipc and cgroup namespaces";

absl::Status StartFailed(const absl::Status& status, std::string_view doing) {
  if (status.ok() || ReasonOf(status) == reason::kStartFailed) return status;
  return Error(status.code(), reason::kStartFailed, std::string(doing) + ": " + std::string(status.message()));
}

absl::Status MountDisk(const Disk& disk, const std::string& root) {
  ::mkdir("/distros", 0755);
  if (::mkdir(root.c_str(), 0755) != 0 && errno != EEXIST) return ErrnoError("cannot make", root);
  if (::mount(disk.path.c_str(), root.c_str(), "ext4", 0, "errors=remount-ro") != 0) {
    return ErrnoError("cannot mount the distro's disk", disk.path);
  }
  return absl::OkStatus();
}

// Puts `from` at `to`, kept over exec.
absl::Status Place(int from, int to) {
  if (from == to) {
    ::fcntl(from, F_SETFD, 0);
    return absl::OkStatus();
  }
  return ::dup2(from, to) == to ? absl::OkStatus() : ErrnoError("cannot place", "descriptor");
}

// In the container's first process, up to exec: answers only when something failed.
absl::Status BecomeInit(const runtime::v1::InstanceConfig& config, const std::string& root, int channel) {
  // Opened before the agent's root is out of sight; above the descriptors that are placed below.
  const UniqueFd init(::fcntl(UniqueFd(::open(kInit, O_RDONLY | O_CLOEXEC)).get(), F_DUPFD_CLOEXEC, 100));
  const UniqueFd log(::fcntl(UniqueFd(::open("/dev/kmsg", O_WRONLY | O_CLOEXEC)).get(), F_DUPFD_CLOEXEC, 100));
  const UniqueFd config_file(::fcntl(UniqueFd(::memfd_create("config", MFD_CLOEXEC)).get(), F_DUPFD_CLOEXEC, 100));
  const UniqueFd socket(::fcntl(channel, F_DUPFD_CLOEXEC, 100));
  if (!init || !log || !config_file || !socket) return ErrnoError("cannot open", kInit);
  const std::string bytes = config.SerializeAsString();
  if (::write(config_file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) ||
      ::lseek(config_file.get(), 0, SEEK_SET) != 0) {
    return ErrnoError("cannot write", "configuration");
  }
  RETURN_IF_ERROR(EnterLeafCgroup(config.distro_id()));
  RETURN_IF_ERROR(EnterContainerRoot(config, root));
  const UniqueFd null(::fcntl(UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)).get(), F_DUPFD_CLOEXEC, 100));
  if (!null) return ErrnoError("cannot open", "/dev/null");
  ::setsid();
  RETURN_IF_ERROR(Place(null.get(), 0));
  RETURN_IF_ERROR(Place(null.get(), 1));
  RETURN_IF_ERROR(Place(log.get(), 2));
  RETURN_IF_ERROR(Place(config_file.get(), kConfigFd));
  RETURN_IF_ERROR(Place(socket.get(), kChannelFd));
  const std::string config_argument = "--config-fd=" + std::to_string(kConfigFd);
  const std::string channel_argument = "--channel-fd=" + std::to_string(kChannelFd);
  const char* argv[] = {"wslm-init", config_argument.c_str(), channel_argument.c_str(), nullptr};
  const char* environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", nullptr};
  ::syscall(SYS_execveat, init.get(), "", argv, environment, AT_EMPTY_PATH);
  return ErrnoError("cannot execute", kInit);
}

// Answers once init has been executed, or with why not.
absl::StatusOr<pid_t> SpawnInit(const runtime::v1::InstanceConfig& config, const std::string& root, int channel) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoError("cannot make", "pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  clone_args arguments{};
  // CLONE_PARENT: the agent, not this passing child, is init's parent.
  arguments.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP | CLONE_PARENT;
  const pid_t pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
  if (pid < 0) return ErrnoError("cannot make", kNamespaces);
  if (pid == 0) {
    const absl::Status status = BecomeInit(config, root, channel);
    const std::string message(status.message());
    if (::write(writer.get(), message.data(), message.size()) < 0) ::_exit(2);
    ::_exit(1);
  }
  writer.Reset();
  const auto failure = ReadAll(reader.get(), "init's report");
  if (failure.ok() && failure->empty()) return pid;
  ::kill(pid, SIGKILL);
  return Error(
      absl::StatusCode::kInternal, reason::kStartFailed,
      "The container could not be made: " + (failure.ok() ? *failure : std::string(failure.status().message())));
}

absl::StatusOr<Container> StartOnDisk(const runtime::v1::DistroStart& request, int channel, Container container) {
  const std::string& id = request.config().distro_id();
  const std::string root = RootOf(id);
  ASSIGN_OR_RETURN(container.mount_points, PrepareContainerRoot(request.config(), root));
  const WslConf conf = ConfOfRoot(root);
  container.systemd = conf.systemd;
  RETURN_IF_ERROR(EnterCgroup(id, conf, container.disk.device, request.config().automount()));
  ASSIGN_OR_RETURN(container.init, SpawnInit(request.config(), root, channel));
  LogIfError("start", LeaveCgroup(id));
  return container;
}

}  // namespace

std::string Container::Serialize() const {
  std::ostringstream text;
  text << init << "\n" << systemd << "\n" << disk.path << "\n" << disk.device << "\n";
  for (const std::string& path : mount_points) text << path << "\n";
  return text.str();
}

Container Container::Parse(const std::string& text) {
  std::istringstream lines(text);
  Container container;
  std::string line;
  lines >> container.init >> container.systemd >> container.disk.path >> container.disk.device;
  std::getline(lines, line);
  while (std::getline(lines, line)) container.mount_points.push_back(line);
  return container;
}

std::string RootOf(const std::string& distro_id) { return "/distros/" + distro_id; }

absl::StatusOr<Container> StartContainer(const runtime::v1::DistroStart& request, int channel) {
  Container container;
  ASSIGN_OR_RETURN(container.disk, WaitForDisk(request.disk_wwid(), kDiskTimeout));
  const std::string& id = request.config().distro_id();
  RETURN_IF_ERROR(StartFailed(MountDisk(container.disk, RootOf(id)), "The distro's disk can't be mounted"));
  auto started = StartOnDisk(request, channel, container);
  if (!started.ok()) {
    LogIfError("clean-up", LeaveCgroup(id));
    LogIfError("clean-up", CleanUpContainer(id, container));
  }
  return started.ok() ? started : StartFailed(started.status(), "The distro's container can't be made");
}

absl::Status CleanUpContainer(const std::string& distro_id, const Container& container) {
  // Nothing can be left after init, whose end kills its namespace; but what is trusted is checked.
  RemoveCgroup(distro_id);
  const std::string root = RootOf(distro_id);
  {
    const UniqueFd folder(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder) RemoveMountPoints(folder.get(), container.mount_points);
  }
  LogIfError("stop", Trim(root));
  if (::umount2(root.c_str(), 0) != 0) {
    LogIfError("stop", ErrnoError("cannot unmount", root));
    ::umount2(root.c_str(), MNT_DETACH);
  }
  ::sync();
  ::rmdir(root.c_str());
  return WaitUntilUnused(container.disk, kReleaseTimeout);
}

}  // namespace wslm
