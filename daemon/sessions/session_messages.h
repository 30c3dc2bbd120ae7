// The API's session messages as the runtimes', and back. Pure functions.
#ifndef WSLM_DAEMON_SESSIONS_SESSION_MESSAGES_H_
#define WSLM_DAEMON_SESSIONS_SESSION_MESSAGES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/sessions/session_bridge.h"
#include "distros/host/error.h"
#include "wslm/runtime/v1/runtime.pb.h"
#include "wslm/v1/session.pb.h"

namespace wslm::daemon {

// Checks the request and makes the runtime's of it; session_id is left for the caller. Error: INVALID_ARGUMENT.
absl::StatusOr<runtime::v1::SessionStart> ToSessionStart(const v1::Start& start);
absl::StatusOr<runtime::v1::SessionAttach> ToSessionAttach(const v1::Attach& attach);

// Input after the first request, in pieces that fit a frame. Error: INVALID_ARGUMENT.
absl::StatusOr<std::vector<runtime::v1::HostMessage>> ToHostMessages(const v1::ExecRequest& request);
absl::StatusOr<std::vector<runtime::v1::HostMessage>> ToHostMessages(const v1::AttachRequest& request);

void ToResponse(const runtime::v1::GuestMessage& message, const SessionIdentity& identity, v1::ExecResponse& response);
void ToResponse(const runtime::v1::GuestMessage& message, const SessionIdentity& identity,
                v1::AttachResponse& response);

// Attach waits for no start: nothing notes anything there.
inline void NoteToResponse(const std::string& note, v1::ExecResponse& response) { response.set_note(Escaped(note)); }
inline void NoteToResponse(const std::string&, v1::AttachResponse&) {}

v1::Session ToSession(const runtime::v1::SessionInfo& info, const v1::DistroRef& distro);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SESSIONS_SESSION_MESSAGES_H_
