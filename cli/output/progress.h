// An operation's progress for a person.
#ifndef WSLM_CLI_OUTPUT_PROGRESS_H_
#define WSLM_CLI_OUTPUT_PROGRESS_H_

#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "cli/output/console.h"
#include "wslm/v1/operation.pb.h"

namespace wslm::cli {

// How fast a phase goes, over the last 5 seconds.
class RateMeter {
 public:
  void Add(const v1::Progress& progress, absl::Time now);
  // Per second, in the phase's unit; nothing before half a second of it was seen.
  std::optional<double> PerSecond() const;

 private:
  v1::ProgressPhase phase_ = v1::PROGRESS_PHASE_UNSPECIFIED;
  std::deque<std::pair<absl::Time, int64_t>> samples_;
};

// "Copying 45%, 1.2 GiB of 2.6 GiB, 85 MiB/s, 15 s left  usr/lib/x", at most `width` columns: where not
// all fits, the item goes first, then the speed, then the time left.
std::string ProgressLine(const v1::Operation& operation, std::optional<double> rate, size_t width);

// Shows it: on a terminal one line redrawn at most ten times a second, elsewhere a line now and then, when it is
// another than the one before.
class ProgressDisplay {
 public:
  ProgressDisplay(Console& console, absl::Time start) : console_(console), last_shown_(start) {}

  void Update(const v1::Operation& operation, absl::Time now);
  // Takes the line away.
  void Clear() { console_.ClearTransient(); }

 private:
  Console& console_;
  RateMeter rate_;
  absl::Time last_shown_;
  bool shown_ = false;
  // Elsewhere than on a terminal.
  std::string last_line_;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_OUTPUT_PROGRESS_H_
