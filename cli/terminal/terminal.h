// The caller's terminal: its size, and raw mode while a session uses it.
#ifndef WSLM_CLI_TERMINAL_TERMINAL_H_
#define WSLM_CLI_TERMINAL_TERMINAL_H_

#include <termios.h>

#include <optional>

#include "absl/synchronization/mutex.h"
#include "wslm/v1/session.pb.h"

namespace wslm::cli {

// Of the first of the descriptors that is a terminal; 24 × 80 when none is, or it does not know.
v1::TerminalSize SizeOfTerminal(std::initializer_list<int> fds);

// Raw mode of the terminal that is standard input. Restores it when destroyed. Thread-safe.
class RawTerminal {
 public:
  // Who else writes to the terminal decides how it must be set.
  enum class Sharing {
    kAlone,        // All output comes from the session: it goes through as it is.
    kWithWriters,  // Other programs may write plain lines too.
    kUntouched,    // Another program, a pager for one, may want to set the terminal: leave its mode alone.
  };

  RawTerminal(int fd, Sharing sharing) : fd_(fd), sharing_(sharing) {}
  ~RawTerminal() { Restore(); }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  // Makes it raw if this process is in the foreground; otherwise it would be stopped for trying.
  void Enter();
  void Restore();
  bool is_raw() const;

  // Whether what can be read is meant for us: this process is in the foreground, and no other program has taken the
  // terminal into a mode of its own.
  bool MayRead() const;

 private:
  bool InForeground() const;

  const int fd_;
  const Sharing sharing_;
  mutable absl::Mutex mutex_;
  std::optional<termios> before_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_TERMINAL_TERMINAL_H_
