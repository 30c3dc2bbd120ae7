#include "daemon/services/session_service.h"

#include <memory>
#include <utility>

#include "daemon/server/unary.h"
#include "daemon/sessions/session_messages.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {
namespace {

// The client's side of a session's bridge. It deletes itself when gRPC is done with it.
template <class Request, class Response>
class SessionReactor : public grpc::ServerBidiReactor<Request, Response>, public SessionBridge::Client {
 public:
  // `begin` is given the first request and starts the session, on another thread.
  using Begin = std::function<absl::Status(const Request&, const std::shared_ptr<SessionBridge>&)>;

  explicit SessionReactor(Begin begin) : begin_(std::move(begin)) { this->StartRead(&request_); }

  void Write(const runtime::v1::GuestMessage& message, const SessionIdentity& identity) override {
    response_.Clear();
    ToResponse(message, identity, response_);
    this->StartWrite(&response_);
  }
  void WriteNote(const std::string& note) override {
    response_.Clear();
    NoteToResponse(note, response_);
    this->StartWrite(&response_);
  }
  void WriteHint(const std::string& hint) override {
    response_.Clear();
    response_.set_hint(hint);
    this->StartWrite(&response_);
  }
  void Read() override { this->StartRead(&request_); }
  void Finish(const absl::Status& status) override {
    grpc::ServerBidiReactor<Request, Response>::Finish(ToGrpcStatus(status));
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      if (begin_)
        bridge_->End(
            Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument, "The first request is missing."));
      return;
    }
    if (begin_) {
      if (const auto status = std::exchange(begin_, nullptr)(request_, bridge_); !status.ok()) bridge_->End(status);
      return;
    }
    const auto messages = ToHostMessages(request_);
    if (messages.ok()) {
      bridge_->Received(*messages);
    } else {
      bridge_->End(messages.status());
    }
  }
  void OnWriteDone(bool ok) override { bridge_->Written(ok); }
  void OnCancel() override { bridge_->ClientGone(); }
  void OnDone() override { delete this; }

 private:
  Begin begin_;
  Request request_;
  Response response_;
  // The distro's channel may hold it for longer than this lives.
  const std::shared_ptr<SessionBridge> bridge_ = std::make_shared<SessionBridge>(*this);
};

absl::Status FirstRequestWrong(const char* name) {
  return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
               std::string("The first request must be '") + name + "'.", {{"field", "request"}});
}

}  // namespace

grpc::ServerBidiReactor<v1::ExecRequest, v1::ExecResponse>* SessionService::Exec(grpc::CallbackServerContext*) {
  return new SessionReactor<v1::ExecRequest, v1::ExecResponse>(
      [this](const v1::ExecRequest& request, const std::shared_ptr<SessionBridge>& bridge) {
        if (!request.has_start()) return FirstRequestWrong("start");
        workers_.Run([this, start = request.start(), bridge] { sessions_.Exec(start, bridge); });
        return absl::OkStatus();
      });
}

grpc::ServerBidiReactor<v1::AttachRequest, v1::AttachResponse>* SessionService::Attach(grpc::CallbackServerContext*) {
  return new SessionReactor<v1::AttachRequest, v1::AttachResponse>(
      [this](const v1::AttachRequest& request, const std::shared_ptr<SessionBridge>& bridge) {
        if (!request.has_attach()) return FirstRequestWrong("attach");
        workers_.Run([this, attach = request.attach(), bridge] { sessions_.Attach(attach, bridge); });
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* SessionService::ListSessions(grpc::CallbackServerContext* context,
                                                       const v1::ListSessionsRequest* request,
                                                       v1::ListSessionsResponse* response) {
  return Answer(context, workers_, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const auto sessions, sessions_.List(request->distro()));
    for (const auto& session : sessions) *response->add_sessions() = session;
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SessionService::SignalSession(grpc::CallbackServerContext* context,
                                                        const v1::SignalSessionRequest* request,
                                                        v1::SignalSessionResponse*) {
  return Answer(context, workers_,
                [this, request] { return sessions_.Signal(request->session_id(), request->signal()); });
}

grpc::ServerUnaryReactor* SessionService::DetachSession(grpc::CallbackServerContext* context,
                                                        const v1::DetachSessionRequest* request,
                                                        v1::DetachSessionResponse*) {
  return Answer(context, workers_, [this, request] { return sessions_.Detach(request->session_id()); });
}

}  // namespace wslm::daemon
