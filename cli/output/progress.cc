#include "cli/output/progress.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "cli/output/text.h"
#include "cli/output/units.h"
#include "distros/host/error.h"

namespace wslm::cli {
namespace {

constexpr absl::Duration kRateWindow = absl::Seconds(5);
constexpr absl::Duration kRedraw = absl::Milliseconds(100);
constexpr absl::Duration kFirstPlainLine = absl::Seconds(1);
constexpr absl::Duration kPlainLine = absl::Seconds(10);
// A path in fewer columns says nothing.
constexpr size_t kLeastItem = 12;

std::string_view PhaseName(const v1::Operation& operation) {
  if (operation.state() == v1::OPERATION_STATE_PENDING) return "Waiting";
  if (operation.state() == v1::OPERATION_STATE_CANCELLING) return "Rolling back";
  switch (operation.progress().phase()) {
    case v1::PROGRESS_PHASE_COPY:
      return "Copying";
    case v1::PROGRESS_PHASE_SYNC:
      return "Flushing to disk";
    case v1::PROGRESS_PHASE_VERIFY:
      return "Verifying";
    case v1::PROGRESS_PHASE_COMMIT:
      return "Committing";
    case v1::PROGRESS_PHASE_CLEAN:
      return "Cleaning up";
    case v1::PROGRESS_PHASE_FETCH:
      return "Fetching";
    case v1::PROGRESS_PHASE_SEND:
      return "Sending";
    case v1::PROGRESS_PHASE_RESIZE:
      return "Resizing";
    case v1::PROGRESS_PHASE_TRIM:
      return "Giving room back";
    case v1::PROGRESS_PHASE_ROLL_BACK:
      return "Rolling back";
    default:
      return "Preparing";
  }
}

std::string Amount(v1::ProgressUnit unit, int64_t amount) {
  switch (unit) {
    case v1::PROGRESS_UNIT_BYTES:
      return ShowBytes(amount);
    case v1::PROGRESS_UNIT_ENTRIES:
      return absl::StrCat(amount, " files");
    default:
      return absl::StrCat(amount);
  }
}

std::optional<absl::Duration> TimeLeft(const v1::Progress& progress, std::optional<double> rate) {
  if (progress.has_eta()) {
    return absl::Seconds(progress.eta().seconds()) + absl::Nanoseconds(progress.eta().nanos());
  }
  if (progress.total() <= progress.done() || !rate.has_value() || *rate <= 0) return std::nullopt;
  return absl::Seconds(static_cast<double>(progress.total() - progress.done()) / *rate);
}

}  // namespace

void RateMeter::Add(const v1::Progress& progress, absl::Time now) {
  if (progress.phase() != phase_ || (!samples_.empty() && progress.done() < samples_.back().second)) {
    phase_ = progress.phase();
    samples_.clear();
  }
  samples_.emplace_back(now, progress.done());
  while (samples_.size() > 2 && now - samples_.front().first > kRateWindow) samples_.pop_front();
}

std::optional<double> RateMeter::PerSecond() const {
  if (samples_.size() < 2) return std::nullopt;
  const absl::Duration time = samples_.back().first - samples_.front().first;
  if (time < absl::Milliseconds(500)) return std::nullopt;
  return static_cast<double>(samples_.back().second - samples_.front().second) / absl::ToDoubleSeconds(time);
}

std::string ProgressLine(const v1::Operation& operation, std::optional<double> rate, size_t width) {
  const v1::Progress& progress = operation.progress();
  std::string line(PhaseName(operation));
  // What it tells besides is of the phase that was cancelled.
  if (operation.state() == v1::OPERATION_STATE_CANCELLING) return line;
  if (progress.total() > 0) {
    const double part = static_cast<double>(progress.done()) / static_cast<double>(progress.total());
    absl::StrAppend(&line, " ", static_cast<int>(std::clamp(part, 0.0, 1.0) * 100), "%, ",
                    Amount(progress.unit(), progress.done()), " of ", Amount(progress.unit(), progress.total()));
  } else if (progress.done() > 0) {
    absl::StrAppend(&line, " ", Amount(progress.unit(), progress.done()));
  }
  std::string speed;
  if (rate.has_value() && *rate >= 1) {
    speed = absl::StrCat(", ", Amount(progress.unit(), static_cast<int64_t>(*rate)), "/s");
  }
  std::string time;
  if (const std::optional<absl::Duration> left = TimeLeft(progress, rate)) {
    time = absl::StrCat(", ", ShowDuration(*left), " left");
  }
  if (DisplayWidth(line) + DisplayWidth(speed) + DisplayWidth(time) > width) {
    // A number that was cut would be a wrong one.
    const bool time_fits = DisplayWidth(line) + DisplayWidth(time) <= width;
    return ShortenMiddle(absl::StrCat(line, time_fits ? time : ""), width);
  }
  absl::StrAppend(&line, speed, time);
  const std::string item = Escaped(progress.current_item());
  const size_t used = DisplayWidth(line) + 2;
  if (!item.empty() && used + kLeastItem <= width) absl::StrAppend(&line, "  ", ShortenMiddle(item, width - used));
  return line;
}

void ProgressDisplay::Update(const v1::Operation& operation, absl::Time now) {
  rate_.Add(operation.progress(), now);
  const absl::Duration wait = console_.can_redraw() ? kRedraw : shown_ ? kPlainLine : kFirstPlainLine;
  if (now - last_shown_ < wait) return;
  last_shown_ = now;
  shown_ = true;
  if (console_.can_redraw()) {
    console_.ShowTransient(ProgressLine(operation, rate_.PerSecond(), console_.width() - 1));
    return;
  }
  std::string line = ProgressLine(operation, rate_.PerSecond(), 120);
  if (line == last_line_) return;
  console_.Note(line);
  last_line_ = std::move(line);
}

}  // namespace wslm::cli
