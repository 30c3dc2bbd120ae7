// Follows an operation to its end in front of a person: progress, Ctrl-C, warnings, the last line, the exit code.
#ifndef WSLM_CLI_OPERATIONS_OPERATION_FOLLOWER_H_
#define WSLM_CLI_OPERATIONS_OPERATION_FOLLOWER_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "cli/api/client.h"
#include "cli/operations/operation_watch.h"
#include "cli/output/console.h"
#include "cli/terminal/signal_fd.h"
#include "wslm/v1/operation.pb.h"

namespace wslm::cli {

// What Ctrl-C means.
enum class OnInterrupt {
  kCancelThenDetach,  // The first cancels, the second leaves the operation alone.
  kCancelAndStay,     // The data flows through this client: it can't leave.
  kDetach,            // Only watching.
};

struct FollowOptions {
  OnInterrupt on_interrupt = OnInterrupt::kCancelThenDetach;
  // What was done, without a full stop ("Imported Debian"); the time it took is added. None: no last line.
  std::function<std::string(const v1::Operation&)> done;
  // Called at least ten times a second while the operation goes on. May be empty.
  std::function<void()> meanwhile;
  // Asked after the operation succeeded, before the last line: an error makes a failure of it. May be empty.
  std::function<absl::Status()> check;
  // Told of each state of the operation in place of showing its progress. May be empty.
  std::function<void(const v1::Operation&)> show;
};

// Not thread-safe.
class OperationFollower {
 public:
  // SIGINT must be among `signals`.
  OperationFollower(Client& client, Console& console, SignalFd& signals)
      : client_(client), console_(console), signals_(signals) {}

  // The code to exit with: 0, 3 when detached. Errors: the operation's own, among them CANCELLED.
  absl::StatusOr<int> Follow(const std::string& id, const FollowOptions& options);

 private:
  // True: leave.
  bool Interrupted(const v1::Operation& operation, const FollowOptions& options);
  void Cancel(const v1::Operation& operation);
  void ShowWarnings(const v1::Operation& operation);
  absl::StatusOr<int> Finish(const v1::Operation& operation, const FollowOptions& options);

  Client& client_;
  Console& console_;
  SignalFd& signals_;
  int interrupts_ = 0;
  // The daemon took the cancel.
  bool cancelled_ = false;
  int warnings_shown_ = 0;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_OPERATIONS_OPERATION_FOLLOWER_H_
