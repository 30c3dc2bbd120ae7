#include "cli/output/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/output/text.h"
#include "cli/output/write_all.h"
#include "distros/host/error.h"

namespace wslm::cli {
namespace {

// The API's reason, else the canonical code's name. A mistake in the words of a command line has none.
std::string ErrorCode(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  if (!reason.empty() || absl::IsInvalidArgument(status)) return reason;
  return absl::StatusCodeToString(status.code());
}

bool CanRedraw(int fd) {
  const char* term = std::getenv("TERM");
  return isatty(fd) != 0 && term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

}  // namespace

Console::Console(int out, int err)
    : out_(out), err_(err), err_is_terminal_(isatty(err) != 0), can_redraw_(CanRedraw(err)) {}

void Console::Out(std::string_view text) {
  absl::MutexLock lock(&mutex_);
  if (!out_status_.ok()) return;
  if (const int error = WriteAll(out_, text); error != 0) {
    out_status_ = ErrnoError("cannot write to", "standard output", error);
  }
}

absl::Status Console::out_status() const {
  absl::MutexLock lock(&mutex_);
  return out_status_;
}

void Console::WriteLine(std::string_view line) {
  Erase();
  WriteAll(err_, std::string(line) + (raw_ ? "\r\n" : "\n"));
}

void Console::Erase() {
  if (transient_) WriteAll(err_, "\r\x1b[K");
  transient_ = false;
}

void Console::Note(std::string_view line) {
  absl::MutexLock lock(&mutex_);
  WriteLine(line);
}

void Console::Warn(std::string_view sentence) { Note("wslm: warning: " + std::string(sentence)); }

void Console::Report(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  std::string prefix = "wslm: ";
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(status.message(), '\n'))) {
    WriteLine(absl::StrCat(prefix, Escaped(line)));
    prefix = "";
  }
  if (const std::string code = ErrorCode(status); !code.empty()) WriteLine(absl::StrCat("Error code: ", Escaped(code)));
}

size_t Console::width() const {
  winsize size{};
  if (ioctl(err_, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

void Console::ShowTransient(std::string_view line) {
  if (!can_redraw_) return;
  absl::MutexLock lock(&mutex_);
  // A line as wide as the terminal would wrap on some and could not be erased.
  const std::string shown = ShortenMiddle(line, width() - 1);
  WriteAll(err_, absl::StrCat("\r", shown, "\x1b[K"));
  transient_ = true;
}

void Console::ClearTransient() {
  absl::MutexLock lock(&mutex_);
  Erase();
}

void Console::set_raw(bool raw) {
  absl::MutexLock lock(&mutex_);
  raw_ = raw;
}

}  // namespace wslm::cli
