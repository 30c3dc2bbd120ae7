#include "cli/operations/operation_follower.h"

#include <poll.h>

#include <array>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli/api/rpc_status.h"
#include "cli/exit_codes.h"
#include "cli/output/progress.h"
#include "cli/output/units.h"
#include "distros/host/error.h"
#include "wslm/v1/operation.grpc.pb.h"

namespace wslm::cli {

absl::StatusOr<int> OperationFollower::Follow(const std::string& id, const FollowOptions& options) {
  OperationWatch watch(client_, id);
  ProgressDisplay display(console_, absl::Now());
  while (true) {
    std::array<pollfd, 2> fds = {{{signals_.fd(), POLLIN, 0}, {watch.changed().fd(), POLLIN, 0}}};
    // The time is up for a redraw at the latest, also when nothing changed.
    poll(fds.data(), fds.size(), 100);
    const bool changed = (fds[1].revents & POLLIN) != 0;
    watch.changed().Clear();
    const OperationWatch::State state = watch.Get();
    const bool known = !state.operation.id().empty();
    if (options.meanwhile) options.meanwhile();
    if (known && changed && options.show) options.show(state.operation);
    if (known) ShowWarnings(state.operation);
    if (state.ended) {
      display.Clear();
      if (!state.error.ok()) return state.error;
      return Finish(state.operation, options);
    }
    if (known && !options.show) display.Update(state.operation, absl::Now());
    while (const std::optional<int> signal = signals_.Next()) {
      if (*signal != SIGINT) continue;
      v1::Operation operation = state.operation;
      operation.set_id(id);
      if (Interrupted(operation, options)) {
        display.Clear();
        const bool undone = cancelled_ || operation.state() == v1::OPERATION_STATE_CANCELLING;
        console_.Note(
            absl::StrCat(undone ? "The roll-back" : "The operation", " goes on: wslm op watch ", Escaped(id)));
        return kExitDetached;
      }
    }
  }
}

bool OperationFollower::Interrupted(const v1::Operation& operation, const FollowOptions& options) {
  ++interrupts_;
  if (options.on_interrupt == OnInterrupt::kDetach) return true;
  if (interrupts_ == 1) {
    Cancel(operation);
    return false;
  }
  if (options.on_interrupt == OnInterrupt::kCancelThenDetach) return true;
  console_.Note("wslm: waiting for the roll-back.");
  return false;
}

void OperationFollower::Cancel(const v1::Operation& operation) {
  v1::CancelOperationRequest request;
  request.set_id(operation.id());
  const auto response = client_.Call(&v1::OperationService::Stub::CancelOperation, request);
  if (response.ok()) {
    cancelled_ = true;
    console_.Note("wslm: cancelling.");
    return;
  }
  if (ReasonOf(response.status()) == reason::kNotCancellable) {
    console_.Note("wslm: it is past the point of no return and goes on; Ctrl-C again leaves it alone.");
    return;
  }
  console_.Report(response.status());
}

void OperationFollower::ShowWarnings(const v1::Operation& operation) {
  for (; warnings_shown_ < operation.warnings_size(); ++warnings_shown_) {
    console_.Warn(Escaped(operation.warnings(warnings_shown_)));
  }
}

absl::StatusOr<int> OperationFollower::Finish(const v1::Operation& operation, const FollowOptions& options) {
  if (operation.has_error()) return FromResult(operation.error());
  if (operation.response().has_export_()) {
    for (const std::string& loss : operation.response().export_().losses()) {
      console_.Warn(absl::StrCat("not in the archive: ", Escaped(loss)));
    }
  }
  if (options.check) {
    if (absl::Status status = options.check(); !status.ok()) return status;
  }
  if (options.done) {
    const absl::Duration took = ToTime(operation.end_time()) - ToTime(operation.create_time());
    console_.Note(absl::StrCat(options.done(operation), " in ", ShowDuration(took), "."));
  }
  return kExitOk;
}

}  // namespace wslm::cli
