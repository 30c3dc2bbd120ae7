#include "runtime-v2/agent/boot.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/agent/log.h"

namespace wslm {
namespace {

// Names the modules of the initramfs, in the order in which they are to be loaded.
constexpr char kBootModules[] = "/boot-modules/ORDER";
constexpr int kPortTries = 10'000;
// How far the clock may be off, in ns: adjtimex(2) takes half a second at most, and a frame some ms.
constexpr int64_t kStepFrom = 400'000'000;
constexpr int64_t kGoodEnough = 20'000'000;

absl::Status Mount(const char* source, const char* target, const char* type, unsigned long flags, const char* options) {
  ::mkdir(target, 0755);
  if (::mount(source, target, type, flags, options) != 0) return ErrnoError("cannot mount", target);
  return absl::OkStatus();
}

std::string PortDevice(std::string_view name) {
  const std::string folder = "/sys/class/virtio-ports";
  DIR* directory = ::opendir(folder.c_str());
  if (directory == nullptr) return "";
  std::string found;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    const auto text = ReadSmallFile(folder + "/" + entry->d_name + "/name");
    if (text.ok() && *text == std::string(name) + "\n") found = std::string("/dev/") + entry->d_name;
  }
  ::closedir(directory);
  return found;
}

}  // namespace

absl::Status MountBasics() {
  RETURN_IF_ERROR(Mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=755"));
  RETURN_IF_ERROR(Mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""));
  RETURN_IF_ERROR(Mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""));
  RETURN_IF_ERROR(Mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"));
  RETURN_IF_ERROR(Mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, "nsdelegate"));
  // pivot_root says EINVAL while `/` is the initramfs itself, which has no parent mount: stand on a bind of it.
  RETURN_IF_ERROR(Mount("/", "/root", nullptr, MS_BIND | MS_REC, nullptr));
  if (::chdir("/root") != 0 || ::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || ::chroot(".") != 0 ||
      ::chdir("/") != 0) {
    return ErrnoError("cannot move", "/");
  }
  return absl::OkStatus();
}

absl::Status LoadBootModules() {
  ASSIGN_OR_RETURN(const std::string order, ReadSmallFile(kBootModules));
  size_t begin = 0;
  for (size_t end = 0; (end = order.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string path = "/boot-modules/" + order.substr(begin, end - begin);
    const UniqueFd module(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!module) return ErrnoError("cannot open", path);
    // One that doesn't load (no such device here) is not the end: what needs it will say so.
    if (::syscall(SYS_finit_module, module.get(), "", 0) != 0 && errno != EEXIST) {
      LogIfError("boot", ErrnoError("cannot load", path));
    }
    ::unlink(path.c_str());
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> HasBootModules() {
  ASSIGN_OR_RETURN(const std::string order, ReadSmallFile(kBootModules));
  return !order.empty();
}

std::string KernelRelease() {
  utsname names{};
  ::uname(&names);
  return names.release;
}

absl::StatusOr<UniqueFd> OpenVirtioPort(std::string_view name) {
  for (int i = 0; i < kPortTries; ++i) {
    const std::string device = PortDevice(name);
    if (!device.empty()) {
      UniqueFd port(::open(device.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
      if (port) return port;
    }
    ::usleep(1000);
  }
  return Error(absl::StatusCode::kUnavailable, reason::kStartFailed, "The VM has no control port.");
}

absl::Status SetClock(int64_t realtime_ns) {
  const timespec now{.tv_sec = realtime_ns / 1'000'000'000, .tv_nsec = realtime_ns % 1'000'000'000};
  if (::clock_settime(CLOCK_REALTIME, &now) != 0) return ErrnoError("cannot set", "clock");
  return absl::OkStatus();
}

absl::Status AdjustClock(int64_t realtime_ns) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const int64_t behind = realtime_ns - (int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec);
  if (std::abs(behind) >= kStepFrom) return SetClock(realtime_ns);
  if (std::abs(behind) < kGoodEnough) return absl::OkStatus();
  timex change{};
  change.modes = ADJ_OFFSET_SINGLESHOT;
  change.offset = behind / 1000;
  if (::adjtimex(&change) < 0) return ErrnoError("cannot adjust", "clock");
  return absl::OkStatus();
}

absl::Status AddEntropy(std::string_view entropy) {
  const UniqueFd random(::open("/dev/urandom", O_RDWR | O_CLOEXEC));
  if (!random) return ErrnoError("cannot open", "/dev/urandom");
  std::vector<int> pool(2 + (entropy.size() + sizeof(int) - 1) / sizeof(int));
  pool[0] = static_cast<int>(entropy.size()) * 8;
  pool[1] = static_cast<int>(entropy.size());
  std::memcpy(&pool[2], entropy.data(), entropy.size());
  if (::ioctl(random.get(), RNDADDENTROPY, pool.data()) != 0 || ::ioctl(random.get(), RNDRESEEDCRNG) != 0) {
    return ErrnoError("cannot stir", "/dev/urandom");
  }
  return absl::OkStatus();
}

}  // namespace wslm
