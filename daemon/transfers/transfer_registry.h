// Where uploads and downloads meet the operations that use them.
//
//   Upload begins:   registry.BeginUpload(id, size) -> pipe         import: registry.ClaimUpload(id)
//   export begins:   registry.BeginDownload(operation_id) -> pipe   Download: registry.ClaimDownload(operation_id)
//
// Thread-safe.
#ifndef WSLM_DAEMON_TRANSFERS_TRANSFER_REGISTRY_H_
#define WSLM_DAEMON_TRANSFERS_TRANSFER_REGISTRY_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/transfers/byte_pipe.h"

namespace wslm::daemon {

struct Upload {
  std::shared_ptr<BytePipe> pipe;
  // 0 when unknown.
  int64_t size = 0;
};

// What a download ends with.
struct DownloadResult {
  int64_t size = 0;
  std::string sha256;
};

struct Download {
  std::shared_ptr<BytePipe> pipe;
  // Set before the pipe's writer is closed with OK.
  std::shared_ptr<DownloadResult> result = std::make_shared<DownloadResult>();
};

class TransferRegistry {
 public:
  // Bytes that an upload or a download may be ahead.
  static constexpr size_t kBuffer = 8 << 20;
  // How long an export waits for somebody who reads.
  static constexpr absl::Duration kReaderTimeout = absl::Seconds(30);

  // Errors: INVALID_ARGUMENT for an id that is malformed or in use, or when there are too many.
  absl::StatusOr<Upload> BeginUpload(const std::string& id, int64_t size);
  // Takes it; it can be taken once. Error: UPLOAD_NOT_FOUND.
  absl::StatusOr<Upload> ClaimUpload(const std::string& id);

  // An export's. It is forgotten at the end of the operation or when it was claimed.
  Download BeginDownload(const std::string& operation_id);
  // Error: OPERATION_NOT_FOUND.
  absl::StatusOr<Download> ClaimDownload(const std::string& operation_id);
  void ForgetDownload(const std::string& operation_id);

 private:
  struct WaitingUpload {
    Upload upload;
    absl::Time begin;
  };

  std::mutex mutex_;
  std::map<std::string, WaitingUpload> uploads_;
  std::map<std::string, Download> downloads_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_TRANSFERS_TRANSFER_REGISTRY_H_
