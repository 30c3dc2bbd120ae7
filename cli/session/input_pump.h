// Carries standard input and the terminal's size to a session, on a thread of its own.
#ifndef WSLM_CLI_SESSION_INPUT_PUMP_H_
#define WSLM_CLI_SESSION_INPUT_PUMP_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "cli/session/input_history.h"
#include "cli/session/session_stream.h"
#include "cli/terminal/terminal.h"
#include "cli/terminal/wake_fd.h"

namespace wslm::cli {

// Reads no more than 64 KiB ahead of what the stream takes. Thread-safe.
class InputPump : public std::enable_shared_from_this<InputPump> {
 public:
  // Reads `fd`, which stays the caller's; `terminal` is set when it is one.
  static std::shared_ptr<InputPump> Make(int fd, std::shared_ptr<RawTerminal> terminal);

  // From now on input goes to `stream`, beginning with byte `offset` of all that was read. False when that is no longer
  // kept. The first call starts the reading.
  bool Connect(std::shared_ptr<SessionStream> stream, int64_t offset);
  // The stream broke: what is read waits for the next Connect.
  void Disconnect();
  void Resize(const v1::TerminalSize& size);
  // Looks again whether the terminal may be read.
  void Recheck() { wake_.Wake(); }
  // Ends the thread; it may still sit in a read for a moment, and holds what it needs.
  void Close();

 private:
  // Twice what can be on its way: 64 KiB in each of our message, the connection's window and the daemon's message, and
  // the 256 KiB of a stream's window between daemon and distro.
  static constexpr size_t kHistory = 1 << 20;

  InputPump(int fd, std::shared_ptr<RawTerminal> terminal) : fd_(fd), terminal_(std::move(terminal)) {}
  static void Loop(const std::shared_ptr<InputPump>& self);
  // Sends what Connect and Resize left to send. False: the pump is closed.
  bool SendPending();
  void ReadAndSend();
  // Waits for input or a wake-up. True when there is input to read.
  bool WaitForInput();
  // Takes `stream` out of use if it is still the present one.
  void Broken(const std::shared_ptr<SessionStream>& stream);
  std::shared_ptr<SessionStream> stream();

  const int fd_;
  const std::shared_ptr<RawTerminal> terminal_;
  WakeFd wake_;
  absl::Mutex mutex_;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<SessionStream> stream_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> resend_ ABSL_GUARDED_BY(mutex_);
  bool send_eof_ ABSL_GUARDED_BY(mutex_) = false;
  bool eof_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<v1::TerminalSize> resize_ ABSL_GUARDED_BY(mutex_);
  InputHistory history_ ABSL_GUARDED_BY(mutex_){kHistory};
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_SESSION_INPUT_PUMP_H_
