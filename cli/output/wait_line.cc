#include "cli/output/wait_line.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace wslm::cli {
namespace {

constexpr absl::Duration kQuick = absl::Milliseconds(250);
constexpr absl::Duration kStep = absl::Seconds(1);

}  // namespace

WaitLine::WaitLine(Console& console, std::string text) : console_(console), text_(std::move(text)) {
  if (console_.err_is_terminal()) thread_ = std::thread([this] { Show(); });
}

WaitLine::~WaitLine() {
  over_.Notify();
  if (!thread_.joinable()) return;
  thread_.join();
  console_.ClearTransient();
}

void WaitLine::Show() {
  if (over_.WaitForNotificationWithTimeout(kQuick)) return;
  if (!console_.can_redraw()) return console_.Note(absl::StrCat(text_, "..."));
  for (int seconds = 0;; ++seconds) {
    console_.ShowTransient(absl::StrCat(text_, "...", seconds < 2 ? "" : absl::StrCat(" ", seconds, " s")));
    if (over_.WaitForNotificationWithTimeout(kStep)) return;
  }
}

}  // namespace wslm::cli
