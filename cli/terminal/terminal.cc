#include "cli/terminal/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

namespace wslm::cli {

v1::TerminalSize SizeOfTerminal(std::initializer_list<int> fds) {
  v1::TerminalSize result;
  result.set_rows(24);
  result.set_columns(80);
  for (int fd : fds) {
    winsize size{};
    if (ioctl(fd, TIOCGWINSZ, &size) != 0) continue;
    if (size.ws_row > 0 && size.ws_col > 0) {
      result.set_rows(size.ws_row);
      result.set_columns(size.ws_col);
    }
    break;
  }
  return result;
}

bool RawTerminal::InForeground() const {
  const pid_t foreground = tcgetpgrp(fd_);
  // A terminal that does not control us has no job control to mind.
  return foreground < 0 || foreground == getpgrp();
}

void RawTerminal::Enter() {
  if (sharing_ == Sharing::kUntouched || !InForeground()) return;
  absl::MutexLock lock(&mutex_);
  termios mode;
  if (before_.has_value() || tcgetattr(fd_, &mode) != 0) return;
  const termios before = mode;
  cfmakeraw(&mode);
  if (sharing_ == Sharing::kWithWriters) mode.c_oflag = before.c_oflag;
  if (tcsetattr(fd_, TCSADRAIN, &mode) == 0) before_ = before;
}

void RawTerminal::Restore() {
  absl::MutexLock lock(&mutex_);
  if (!before_.has_value()) return;
  while (tcsetattr(fd_, TCSADRAIN, &*before_) != 0 && errno == EINTR) {
  }
  before_.reset();
}

bool RawTerminal::is_raw() const {
  absl::MutexLock lock(&mutex_);
  return before_.has_value();
}

bool RawTerminal::MayRead() const {
  if (!InForeground()) return false;
  if (is_raw()) return true;
  termios mode;
  if (tcgetattr(fd_, &mode) != 0) return true;
  return (mode.c_lflag & ICANON) != 0;
}

}  // namespace wslm::cli
