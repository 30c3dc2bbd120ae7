#include "distros/lxfs/host_probe.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string_view>

#include "distros/host/error.h"
#include "distros/host/remove_tree.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"
#include "distros/lxfs/timestamps.h"

namespace wslm {
namespace {

// What every host file system we know holds: 1901 to 2446, as ext4 does; and what all that use 32 bits do.
constexpr int64_t kFirstSecond = -(int64_t{1} << 31);
constexpr int64_t kLastSecond = (int64_t{1} << 34) - (int64_t{1} << 31) - 1;
constexpr int64_t kLastSecondOf32Bits = (int64_t{1} << 31) - 1;
constexpr int64_t kIn2100 = 4'102'444'800;
constexpr int64_t kIn1969 = -2;
// Bytes that are letters to nobody; and what other systems forbid.
constexpr char kOddName[] = "\xff\xfe:\\*?\n";

absl::Status Unfit(const std::string& path, std::string_view why) {
  return Error(
      absl::StatusCode::kFailedPrecondition, reason::kHostUnsupported,
      Escaped(path) + " lies on a file system that can't hold a distro's files: " + std::string(why) +
          ". Choose a folder on ext4, XFS, btrfs or the like, or a distro of version 2, whose files lie in one "
          "image.",
      {{"path", path}});
}

std::optional<Timestamp> TimeKept(int fd, Timestamp time) {
  const timespec times[2] = {{.tv_nsec = UTIME_OMIT}, TimespecOf(time)};
  struct stat st;
  if (futimens(fd, times) != 0 || fstat(fd, &st) != 0) return std::nullopt;
  return Timestamp{.seconds = st.st_mtim.tv_sec, .nanoseconds = static_cast<uint32_t>(st.st_mtim.tv_nsec)};
}

HostAbilities TryTimes(int fd) {
  const Timestamp late = {.seconds = kIn2100, .nanoseconds = 123'456'789};
  const Timestamp early = {.seconds = kIn1969, .nanoseconds = 999'999'999};
  const std::optional<Timestamp> kept_late = TimeKept(fd, late);
  const std::optional<Timestamp> kept_early = TimeKept(fd, early);
  const std::optional<Timestamp> kept_now = TimeKept(fd, {.seconds = 1'500'000'000, .nanoseconds = 123'456'789});
  const bool far = kept_late && kept_late->seconds == kIn2100;
  const bool before = kept_early && kept_early->seconds == kIn1969;
  return {.first_time = {.seconds = before ? kFirstSecond : 0},
          .last_time = {.seconds = far ? kLastSecond : kLastSecondOf32Bits},
          .nanoseconds = kept_now && kept_now->nanoseconds == 123'456'789};
}

absl::StatusOr<HostAbilities> ProbeIn(int folder, const std::string& path) {
  const auto failed = [&](std::string_view what) {
    const absl::Status status = ErrnoError("cannot write in", path);
    return ReasonOf(status) == reason::kDiskFull ? status : Unfit(path, what);
  };
  constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const UniqueFd file(openat(folder, "file", kFlags, S_IRUSR | S_IWUSR));
  if (!file) return failed("no file can be made there");
  if (faccessat(folder, "FILE", F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
    return Unfit(path, "it does not tell capital letters from small ones");
  }
  struct stat st;
  if (fchmod(file.get(), S_ISVTX | 0640) != 0 || fstat(file.get(), &st) != 0 || (st.st_mode & 07777) != 01640) {
    return failed("it keeps no modes");
  }
  if (symlinkat("nowhere", folder, "link") != 0) return failed("it has no symbolic links");
  if (linkat(folder, "file", folder, "name", 0) != 0) return failed("it has no hard links");
  if (mkfifoat(folder, "fifo", S_IRUSR) != 0) return failed("it has no fifos");
  if (mknodat(folder, "socket", S_IFSOCK | S_IRUSR, 0) != 0) return failed("it has no sockets");
  const UniqueFd odd(openat(folder, kOddName, kFlags, S_IRUSR));
  if (!odd) return failed("it does not take all names");
  return TryTimes(file.get());
}

}  // namespace

absl::StatusOr<HostAbilities> ProbeHost(int folder, const std::string& path) {
  const std::string name = ".wslm-probe-" + std::to_string(getpid());
  // Of one that was killed.
  RETURN_IF_ERROR(RemoveTreeAt(folder, name));
  if (mkdirat(folder, name.c_str(), S_IRWXU) != 0) return ErrnoError("cannot make a folder in", path);
  absl::StatusOr<HostAbilities> abilities;
  {
    const UniqueFd inside(openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    abilities = inside ? ProbeIn(inside.get(), path)
                       : absl::StatusOr<HostAbilities>(ErrnoError("cannot open a folder in", path));
  }
  const absl::Status removed = RemoveTreeAt(folder, name);
  return removed.ok() ? abilities : removed;
}

}  // namespace wslm
