// Writes an archive to a descriptor while the daemon makes it, and checks that it is whole.
#ifndef WSLM_CLI_OPERATIONS_DOWNLOAD_H_
#define WSLM_CLI_OPERATIONS_DOWNLOAD_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "wslm/v1/transfer.grpc.pb.h"

namespace wslm::cli {

// Thread-safe.
class Download {
 public:
  // Begins on a thread of its own; `fd` stays the caller's. SIGPIPE must be ignored.
  Download(std::shared_ptr<grpc::Channel> channel, std::string id, int fd);
  // Breaks off what is not complete.
  ~Download();
  Download(const Download&) = delete;
  Download& operator=(const Download&) = delete;

  // Waits for the end. OK: all is written, and size and digest are those that the daemon computed. VERIFICATION_FAILED
  // when they are not; the daemon's error; an error of writing, for which failed_to_write() is set.
  absl::Status Wait();

  // Whether `fd` took no more, at any time; write_errno() says why. The operation will not end by itself then.
  bool failed_to_write() const;
  int write_errno() const;

 private:
  void Loop(int fd);
  absl::Status Transfer(int fd);

  const std::string id_;
  v1::TransferService::Stub stub_;
  grpc::ClientContext context_;
  mutable absl::Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  int write_errno_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_OPERATIONS_DOWNLOAD_H_
