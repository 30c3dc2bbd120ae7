// wslm.v1.DiskService.
#ifndef WSLM_DAEMON_SERVICES_DISK_SERVICE_H_
#define WSLM_DAEMON_SERVICES_DISK_SERVICE_H_

#include "daemon/log.h"
#include "daemon/server/workers.h"
#include "wslm/runtime/v1/disk_host.h"
#include "wslm/v1/disk_service.grpc.pb.h"

namespace wslm::daemon {

// As the API shows it; control bytes are escaped.
v1::Disk ToDisk(const runtime::v1::SharedDisk& disk);

class DiskService final : public v1::DiskService::CallbackService {
 public:
  // All outlive it.
  DiskService(runtime::v1::DiskHost& host, Workers& workers, Log& log) : host_(host), workers_(workers), log_(log) {}

  grpc::ServerUnaryReactor* MountDisk(grpc::CallbackServerContext* context, const v1::MountDiskRequest* request,
                                      v1::MountDiskResponse* response) override;
  grpc::ServerUnaryReactor* UnmountDisk(grpc::CallbackServerContext* context, const v1::UnmountDiskRequest* request,
                                        v1::UnmountDiskResponse* response) override;
  grpc::ServerUnaryReactor* ListDisks(grpc::CallbackServerContext* context, const v1::ListDisksRequest* request,
                                      v1::ListDisksResponse* response) override;

 private:
  absl::Status Mount(const v1::MountDiskRequest& request, v1::MountDiskResponse& response);
  absl::Status Unmount(const std::string& disk, v1::UnmountDiskResponse& response);

  runtime::v1::DiskHost& host_;
  Workers& workers_;
  Log& log_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVICES_DISK_SERVICE_H_
