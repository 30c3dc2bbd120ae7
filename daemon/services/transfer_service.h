// wslm.v1.TransferService over the transfer registry.
#ifndef WSLM_DAEMON_SERVICES_TRANSFER_SERVICE_H_
#define WSLM_DAEMON_SERVICES_TRANSFER_SERVICE_H_

#include "daemon/transfers/transfer_registry.h"
#include "wslm/v1/transfer.grpc.pb.h"

namespace wslm::daemon {

class TransferService final : public v1::TransferService::CallbackService {
 public:
  explicit TransferService(TransferRegistry& transfers) : transfers_(transfers) {}

  grpc::ServerBidiReactor<v1::UploadRequest, v1::UploadResponse>* Upload(grpc::CallbackServerContext* context) override;
  grpc::ServerWriteReactor<v1::DownloadResponse>* Download(grpc::CallbackServerContext* context,
                                                           const v1::DownloadRequest* request) override;

 private:
  TransferRegistry& transfers_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVICES_TRANSFER_SERVICE_H_
