// wslm.v1.FileService.
#ifndef WSLM_DAEMON_SERVICES_FILE_SERVICE_H_
#define WSLM_DAEMON_SERVICES_FILE_SERVICE_H_

#include <functional>
#include <string>

#include "daemon/instances/instance_manager.h"
#include "daemon/server/workers.h"
#include "distros/registry/registry.h"
#include "wslm/v1/file_service.grpc.pb.h"

namespace wslm::daemon {

class FileService final : public v1::FileService::CallbackService {
 public:
  // All outlive it. `socket`: where the files of a distro that runs are served.
  FileService(Registry& registry, InstanceManager& instances, Workers& workers,
              std::function<std::string(const std::string& distro_id)> socket)
      : registry_(registry), instances_(instances), workers_(workers), socket_(std::move(socket)) {}

  grpc::ServerUnaryReactor* ServeFiles(grpc::CallbackServerContext* context, const v1::ServeFilesRequest* request,
                                       v1::ServeFilesResponse* response) override;

 private:
  Registry& registry_;
  InstanceManager& instances_;
  Workers& workers_;
  const std::function<std::string(const std::string&)> socket_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVICES_FILE_SERVICE_H_
