// What wslm writes itself: data on standard output, everything meant for a person on standard error.
#ifndef WSLM_CLI_OUTPUT_CONSOLE_H_
#define WSLM_CLI_OUTPUT_CONSOLE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace wslm::cli {

// Thread-safe. Text is written as it is: what comes from elsewhere goes through Escaped() first.
class Console {
 public:
  // Descriptors to write to; they stay the caller's.
  Console(int out, int err);

  // Data. The first failure is kept for out_status().
  void Out(std::string_view text);
  absl::Status out_status() const;

  // A line on standard error; the transient line, if any, makes room for it.
  void Note(std::string_view line);
  // "wslm: warning: SENTENCE".
  void Warn(std::string_view sentence);
  // "wslm: SENTENCE", then "Error code: REASON" with the API's reason, or the canonical code's name where there is
  // none; INVALID_ARGUMENT without a reason is an error of usage, which has no such line.
  void Report(const absl::Status& status);

  // Whether standard error is a terminal.
  bool err_is_terminal() const { return err_is_terminal_; }
  // Whether it is one on which a line can be redrawn.
  bool can_redraw() const { return can_redraw_; }
  // Columns of that terminal; 80 when unknown.
  size_t width() const;
  // Shows `line` until the next one or ClearTransient; nothing where it can't be redrawn.
  void ShowTransient(std::string_view line);
  void ClearTransient();

  // While the terminal is raw, a line needs a carriage return of its own.
  void set_raw(bool raw);

 private:
  void WriteLine(std::string_view line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Erase() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int out_;
  const int err_;
  const bool err_is_terminal_;
  const bool can_redraw_;
  mutable absl::Mutex mutex_;
  absl::Status out_status_ ABSL_GUARDED_BY(mutex_);
  bool transient_ ABSL_GUARDED_BY(mutex_) = false;
  bool raw_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_OUTPUT_CONSOLE_H_
