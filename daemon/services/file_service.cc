#include "daemon/services/file_service.h"

#include "absl/strings/str_cat.h"
#include "daemon/server/unary.h"
#include "daemon/services/distro_views.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {

grpc::ServerUnaryReactor* FileService::ServeFiles(grpc::CallbackServerContext* context,
                                                  const v1::ServeFilesRequest* request,
                                                  v1::ServeFilesResponse* response) {
  return Answer(context, workers_, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const RegistryEntry entry, registry_.Find(request->distro()));
    if (entry.record.version != 1) {
      return Error(absl::StatusCode::kUnimplemented, reason::kInvalidArgument,
                   absl::StrCat("The files of ", Escaped(entry.record.name),
                                " are not served: it is of version 2, and only those of version 1 distros are."));
    }
    ASSIGN_OR_RETURN(const InstanceUse use, instances_.Acquire(entry, {}));
    *response->mutable_distro() = RefOf(entry.record);
    response->set_socket_path(socket_(entry.record.id));
    return absl::OkStatus();
  });
}

}  // namespace wslm::daemon
