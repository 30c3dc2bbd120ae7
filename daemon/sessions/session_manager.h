// Starts sessions, attaches to them, and knows where each one runs.
//
//   workers.Run([=] { sessions.Exec(start, bridge); });   // the bridge hears of the result
//
// Thread-safe. All block but Close.
#ifndef WSLM_DAEMON_SESSIONS_SESSION_MANAGER_H_
#define WSLM_DAEMON_SESSIONS_SESSION_MANAGER_H_

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/events/event_bus.h"
#include "daemon/instances/instance_manager.h"
#include "daemon/server/workers.h"
#include "daemon/sessions/attach_tokens.h"
#include "daemon/sessions/session_bridge.h"
#include "distros/registry/registry.h"
#include "wslm/v1/session.pb.h"

namespace wslm::daemon {

class SessionManager {
 public:
  // All outlive it. `proxies`: sessions get those of this process's environment.
  SessionManager(Registry& registry, InstanceManager& instances, AttachTokens& tokens, EventBus& events,
                 Workers& workers, bool proxies)
      : registry_(registry),
        instances_(instances),
        tokens_(tokens),
        events_(events),
        workers_(workers),
        proxies_(proxies) {}

  // Starts the command, and the distro when it does not run. What goes wrong ends the bridge.
  void Exec(const v1::Start& start, const std::shared_ptr<SessionBridge>& bridge);
  void Attach(const v1::Attach& attach, const std::shared_ptr<SessionBridge>& bridge);

  // Of one distro, or of all when the name is empty; the oldest first.
  absl::StatusOr<std::vector<v1::Session>> List(const std::string& distro);
  // Errors: SESSION_NOT_FOUND.
  absl::Status Signal(const std::string& session_id, int signal);
  absl::Status Detach(const std::string& session_id);

  // A distro's program ran into something: tells watchers of the first of its kind, and clients that want hints.
  // Whether there are any.
  bool LimitReached(const std::string& distro_id, const runtime::v1::LimitReached& limit);

  // Something went wrong with what distros run in: tells watchers, and clients that want hints.
  void Incident(const runtime::v1::Incident& incident);

  // Ends all clients' streams with `status`, those to come too; the sessions go on.
  void Close(const absl::Status& status);

 private:
  absl::Status TryExec(const v1::Start& start, const std::shared_ptr<SessionBridge>& bridge);
  absl::Status TryAttach(const v1::Attach& attach, const std::shared_ptr<SessionBridge>& bridge);
  // Error: the one given to Close.
  absl::Status Enlist(const std::shared_ptr<SessionBridge>& bridge);
  std::vector<std::shared_ptr<SessionBridge>> Bridges();
  absl::StatusOr<InstanceUse> InstanceOf(const std::string& session_id);
  absl::Status CallOn(const std::string& session_id, runtime::v1::OpenRequest request);
  // Tells of the session's events. `known`: watchers know of it already.
  SessionBridge::Hooks HooksFor(const v1::Session& session, bool known);

  Registry& registry_;
  InstanceManager& instances_;
  AttachTokens& tokens_;
  EventBus& events_;
  Workers& workers_;
  const bool proxies_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<SessionBridge>> bridges_;
  absl::Status closed_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SESSIONS_SESSION_MANAGER_H_
