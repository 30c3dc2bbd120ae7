// wslm.v1.SessionService over the session manager.
#ifndef WSLM_DAEMON_SERVICES_SESSION_SERVICE_H_
#define WSLM_DAEMON_SERVICES_SESSION_SERVICE_H_

#include "daemon/server/workers.h"
#include "daemon/sessions/session_manager.h"
#include "wslm/v1/session.grpc.pb.h"

namespace wslm::daemon {

class SessionService final : public v1::SessionService::CallbackService {
 public:
  SessionService(SessionManager& sessions, Workers& workers) : sessions_(sessions), workers_(workers) {}

  grpc::ServerBidiReactor<v1::ExecRequest, v1::ExecResponse>* Exec(grpc::CallbackServerContext* context) override;
  grpc::ServerBidiReactor<v1::AttachRequest, v1::AttachResponse>* Attach(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* ListSessions(grpc::CallbackServerContext* context, const v1::ListSessionsRequest* request,
                                         v1::ListSessionsResponse* response) override;
  grpc::ServerUnaryReactor* SignalSession(grpc::CallbackServerContext* context, const v1::SignalSessionRequest* request,
                                          v1::SignalSessionResponse* response) override;
  grpc::ServerUnaryReactor* DetachSession(grpc::CallbackServerContext* context, const v1::DetachSessionRequest* request,
                                          v1::DetachSessionResponse* response) override;

 private:
  SessionManager& sessions_;
  Workers& workers_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVICES_SESSION_SERVICE_H_
