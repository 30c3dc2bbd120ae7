// The present state of an operation, kept up to date by a thread of its own.
#ifndef WSLM_CLI_OPERATIONS_OPERATION_WATCH_H_
#define WSLM_CLI_OPERATIONS_OPERATION_WATCH_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "cli/api/client.h"
#include "cli/terminal/wake_fd.h"
#include "grpcpp/client_context.h"
#include "wslm/v1/operation.pb.h"

namespace wslm::cli {

// When the daemon goes, it is started again and asked what became of the operation. Thread-safe.
class OperationWatch {
 public:
  OperationWatch(Client& client, std::string id);
  // Ends the watch, not the operation.
  ~OperationWatch();
  OperationWatch(const OperationWatch&) = delete;
  OperationWatch& operator=(const OperationWatch&) = delete;

  struct State {
    v1::Operation operation;  // Empty before the first answer.
    bool ended = false;       // No change will follow: the operation is done, or `error` is set.
    absl::Status error;       // Why it can no longer be watched.
  };
  State Get() const;
  // Wakes at every change.
  WakeFd& changed() { return changed_; }

 private:
  void Loop();
  // Follows one stream to its end.
  grpc::Status Follow(const std::shared_ptr<grpc::Channel>& channel);
  void End(const absl::Status& error);

  Client& client_;
  const std::string id_;
  WakeFd changed_;
  mutable absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_);
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time last_heard_;  // Of the thread.
  std::thread thread_;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_OPERATIONS_OPERATION_WATCH_H_
