// A line that says what a call waits for, for a person at a terminal.
//
//   std::optional<WaitLine> waiting(std::in_place, console, "Stopping debian");
//   ... the call ...
//   waiting.reset();
#ifndef WSLM_CLI_OUTPUT_WAIT_LINE_H_
#define WSLM_CLI_OUTPUT_WAIT_LINE_H_

#include <string>
#include <thread>

#include "absl/synchronization/notification.h"
#include "cli/output/console.h"

namespace wslm::cli {

// Shown a moment after it was made, with the seconds that have passed; taken away by the destructor. Nothing where
// standard error is no terminal.
class WaitLine {
 public:
  WaitLine(Console& console, std::string text);
  ~WaitLine();
  WaitLine(const WaitLine&) = delete;
  WaitLine& operator=(const WaitLine&) = delete;

 private:
  void Show();

  Console& console_;
  const std::string text_;
  absl::Notification over_;
  std::thread thread_;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_OUTPUT_WAIT_LINE_H_
