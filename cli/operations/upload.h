// Sends what a descriptor gives to the daemon, beside the operation that reads it.
#ifndef WSLM_CLI_OPERATIONS_UPLOAD_H_
#define WSLM_CLI_OPERATIONS_UPLOAD_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "cli/terminal/wake_fd.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "wslm/v1/transfer.grpc.pb.h"

namespace wslm::cli {

// Thread-safe.
class Upload {
 public:
  // Announces an upload of `size` bytes (0: unknown) and waits until the daemon knows it.
  static absl::StatusOr<std::unique_ptr<Upload>> Begin(std::shared_ptr<grpc::Channel> channel, std::string id,
                                                       int64_t size);
  // Breaks the upload off if it is not complete.
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  const std::string& id() const { return id_; }
  // Sends all of `fd` (the caller's) on threads of its own. Once.
  void Send(int fd);
  // What went wrong on this side, if anything: `fd` could not be read.
  absl::Status read_status() const;

 private:
  Upload(std::shared_ptr<grpc::Channel> channel, std::string id) : id_(std::move(id)), stub_(channel) {}
  void SendLoop(int fd);
  // Bytes read into `buffer`; 0 at the end, or when the upload is to stop.
  absl::StatusOr<size_t> Read(int fd, std::string& buffer);

  const std::string id_;
  v1::TransferService::Stub stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::UploadRequest, v1::UploadResponse>> stream_;
  WakeFd stop_;
  std::thread sender_;
  std::thread receiver_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status read_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_OPERATIONS_UPLOAD_H_
