#include "runtime-v1/init/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace wslm::init {

bool OpenTerminal(uid_t uid, gid_t gid, const ::wslm::runtime::v1::WindowSize& window, Terminal& terminal) {
  terminal.master.Reset(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  if (!terminal.master) return false;
  int locked = 0;
  if (::ioctl(terminal.master.get(), TIOCSPTLCK, &locked) < 0) return false;
  // By the master and not by path: /dev/pts may be another mount than the one ptmx belongs to.
  terminal.slave.Reset(::ioctl(terminal.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.slave) return false;
  // As grantpt(3) would; a devpts that was mounted with gid= has it so already, and a refusal harms only mesg(1).
  [[maybe_unused]] const int owned = ::fchown(terminal.slave.get(), uid, gid);
  ::fchmod(terminal.slave.get(), 0620);
  ResizeTerminal(terminal.master.get(), window);
  return true;
}

void ResizeTerminal(int master, const ::wslm::runtime::v1::WindowSize& window) {
  if (window.rows() == 0 || window.columns() == 0) return;
  constexpr uint32_t kMost = 65535;
  winsize size = {};
  size.ws_row = static_cast<unsigned short>(std::min(window.rows(), kMost));
  size.ws_col = static_cast<unsigned short>(std::min(window.columns(), kMost));
  ::ioctl(master, TIOCSWINSZ, &size);
}

}  // namespace wslm::init
