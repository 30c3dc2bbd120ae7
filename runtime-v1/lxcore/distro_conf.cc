#include "runtime-v1/lxcore/distro_conf.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "distros/config/accounts.h"
#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

constexpr off_t kLargest = 4 * 1024 * 1024;

}  // namespace

std::string ReadDistroFile(const std::string& rootfs, const std::string& path) {
  const UniqueFd root(::open(rootfs.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  // Non-blocking: a fifo in place of the file must not stop the start.
  open_how how = {};
  how.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const UniqueFd file(static_cast<int>(::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof(how))));
  struct stat stat;
  if (!file || ::fstat(file.get(), &stat) != 0 || !S_ISREG(stat.st_mode) || stat.st_size > kLargest) return "";
  return ReadProcFile(AT_FDCWD, "/proc/self/fd/" + std::to_string(file.get()));
}

WslConf ReadDistroConf(const std::string& rootfs, const std::string& recorded_user) {
  WslConf conf = ReadWslConf(ReadDistroFile(rootfs, "/etc/wsl.conf"));
  const Accounts accounts(ReadDistroFile(rootfs, "/etc/passwd"), "");
  std::optional<User> user;
  for (const std::string& name : {conf.default_user, recorded_user}) {
    if (!user && !name.empty()) user = accounts.Find(name);
  }
  conf.drvfs.uid = conf.drvfs.uid.value_or(user ? user->uid : 0);
  conf.drvfs.gid = conf.drvfs.gid.value_or(user ? user->gid : 0);
  return conf;
}

}  // namespace wslm::lxcore
