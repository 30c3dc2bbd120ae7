// Signals to read instead of to suffer.
//
//   SignalFd signals({SIGINT});   // Before any thread is made: threads inherit what is blocked.
#ifndef WSLM_CLI_TERMINAL_SIGNAL_FD_H_
#define WSLM_CLI_TERMINAL_SIGNAL_FD_H_

#include <signal.h>

#include <initializer_list>
#include <optional>

#include "distros/host/unique_fd.h"

namespace wslm::cli {

// Blocks the signals in the calling thread as long as it lives. Next() is for one thread.
class SignalFd {
 public:
  explicit SignalFd(std::initializer_list<int> signals);
  ~SignalFd();
  SignalFd(const SignalFd&) = delete;
  SignalFd& operator=(const SignalFd&) = delete;

  // Readable when a signal waits.
  int fd() const { return fd_.get(); }
  // The next signal's number; nothing when none waits.
  std::optional<int> Next();

 private:
  sigset_t before_;
  UniqueFd fd_;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_TERMINAL_SIGNAL_FD_H_
