// Answers a unary call from a worker thread.
//
//   return Answer(context, workers_, [this, request, response] { return List(*request, *response); });
//
// The request and the response live until the reactor is finished, which is after the work.
#ifndef WSLM_DAEMON_SERVER_UNARY_H_
#define WSLM_DAEMON_SERVER_UNARY_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "daemon/server/status.h"
#include "daemon/server/workers.h"

namespace wslm::daemon {

inline grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, Workers& workers,
                                        std::function<absl::Status()> work) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  workers.Run([reactor, work = std::move(work)] { reactor->Finish(ToGrpcStatus(work())); });
  return reactor;
}

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVER_UNARY_H_
