#include "daemon/sessions/session_manager.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/instances/instance_calls.h"
#include "daemon/sessions/limit_text.h"
#include "daemon/sessions/proxy_variables.h"
#include "daemon/sessions/session_messages.h"
#include "daemon/timestamps.h"
#include "distros/config/hosts_file.h"
#include "distros/host/error.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"
#include "wslm/runtime/v1/frames.h"

namespace wslm::daemon {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(5);
constexpr size_t kSessionIdBytes = 8;

absl::Status NoSession(const std::string& session_id) {
  return Error(absl::StatusCode::kNotFound, reason::kSessionNotFound,
               absl::StrCat("There is no session '", session_id, "'; its command may have ended."),
               {{"session", session_id}});
}

// What the distro's container image wants to be set, where the client sets nothing of that name.
void AddContainerEnvironment(const ContainerConfig& container, runtime::v1::SessionStart& start) {
  std::set<std::string> taken;
  for (const auto& variable : start.environment()) taken.insert(variable.name());
  for (const std::string& text : container.environment) {
    const size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos || text.find('\0') != std::string::npos) continue;
    const std::string name = text.substr(0, equals);
    if (!taken.insert(name).second) continue;
    auto& added = *start.add_environment();
    added.set_name(name);
    added.set_value(text.substr(equals + 1));
  }
}

// The host's proxies, where neither client nor image sets any.
void AddProxies(const DistroRecord& record, runtime::v1::SessionStart& start) {
  std::set<std::string> taken;
  for (const auto& variable : start.environment()) taken.insert(variable.name());
  // Version 2 has a loopback of its own.
  for (const auto& [name, value] : ProxyVariables(::getenv, record.version == 2 ? kHostName : "")) {
    if (taken.contains(name)) continue;
    auto& added = *start.add_environment();
    added.set_name(name);
    added.set_value(value);
  }
}

v1::IncidentKind IncidentKindOf(runtime::v1::Incident::Kind kind) {
  switch (kind) {
    case runtime::v1::Incident::Kind::kVmEnded:
      return v1::INCIDENT_KIND_VM_ENDED;
    case runtime::v1::Incident::Kind::kOutOfMemory:
      return v1::INCIDENT_KIND_OUT_OF_MEMORY;
    case runtime::v1::Incident::Kind::kDiskFull:
      return v1::INCIDENT_KIND_DISK_FULL;
    case runtime::v1::Incident::Kind::kDiskError:
      return v1::INCIDENT_KIND_DISK_ERROR;
    case runtime::v1::Incident::Kind::kNetwork:
      return v1::INCIDENT_KIND_NETWORK;
  }
  return v1::INCIDENT_KIND_UNSPECIFIED;
}

v1::DistroRef RefOf(const DistroRecord& record) {
  v1::DistroRef ref;
  ref.set_id(record.id);
  ref.set_name(record.name);
  return ref;
}

}  // namespace

void SessionManager::Exec(const v1::Start& start, const std::shared_ptr<SessionBridge>& bridge) {
  if (const auto status = TryExec(start, bridge); !status.ok()) bridge->End(status);
}

void SessionManager::Attach(const v1::Attach& attach, const std::shared_ptr<SessionBridge>& bridge) {
  if (const auto status = TryAttach(attach, bridge); !status.ok()) bridge->End(status);
}

absl::Status SessionManager::TryExec(const v1::Start& start, const std::shared_ptr<SessionBridge>& bridge) {
  RETURN_IF_ERROR(Enlist(bridge));
  ASSIGN_OR_RETURN(auto session_start, ToSessionStart(start));
  ASSIGN_OR_RETURN(const RegistryEntry entry, registry_.Find(start.distro()));
  AddContainerEnvironment(entry.record.container, session_start);
  if (proxies_) AddProxies(entry.record, session_start);
  const std::string session_id = "s-" + RandomHex(kSessionIdBytes);
  session_start.set_session_id(session_id);
  session_start.set_record_default_user(entry.record.default_user);
  runtime::v1::OpenRequest request;
  request.set_distro_id(entry.record.id);
  *request.mutable_session_start() = std::move(session_start);
  // It has to fit a frame.
  if (const size_t size = request.ByteSizeLong(); size > runtime::v1::kMaxPayload) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 absl::StrCat("The command with its environment takes ", size, " bytes; ", runtime::v1::kMaxPayload,
                              " is the most. Give what is longer through standard input or a file."),
                 {{"field", "start.argv"}});
  }
  ASSIGN_OR_RETURN(InstanceUse use,
                   instances_.Acquire(entry, {.note = [&](const std::string& note) { bridge->Note(note); }}));
  ASSIGN_OR_RETURN(const std::string token, tokens_.Issue(session_id, entry.record.id));

  v1::Session session;
  session.set_id(session_id);
  *session.mutable_distro() = RefOf(entry.record);
  session.set_user(Escaped(start.user().empty() ? entry.record.default_user : start.user()));
  session.set_command(Escaped(absl::StrJoin(start.argv(), " ")));
  session.set_has_terminal(start.stdin_terminal() || start.stdout_terminal() || start.stderr_terminal());
  session.set_attached(true);
  *session.mutable_start_time() = ToTimestamp(absl::Now());
  bridge->Prepare({session_id, token, session.distro(), start.wants_hints()}, HooksFor(session, false));
  auto channel = use.channel();
  bridge->Opened(channel->Open(request, bridge), std::move(use));
  return absl::OkStatus();
}

absl::Status SessionManager::TryAttach(const v1::Attach& attach, const std::shared_ptr<SessionBridge>& bridge) {
  RETURN_IF_ERROR(Enlist(bridge));
  ASSIGN_OR_RETURN(const std::string distro_id, tokens_.Check(attach.session_id(), attach.attach_token()));
  runtime::v1::OpenRequest request;
  request.set_distro_id(distro_id);
  ASSIGN_OR_RETURN(*request.mutable_session_attach(), ToSessionAttach(attach));
  ASSIGN_OR_RETURN(const RegistryEntry entry, registry_.Find(distro_id));
  RETURN_IF_ERROR(instances_.WaitUntilKnown(distro_id));
  auto use = instances_.AcquireRunning(distro_id);
  if (!use) {
    tokens_.Forget(attach.session_id());
    return NoSession(attach.session_id());
  }
  auto channel = use->channel();
  v1::Session session;
  session.set_id(attach.session_id());
  *session.mutable_distro() = RefOf(entry.record);
  ASSIGN_OR_RETURN(const auto list, SessionsOf(*channel, distro_id));
  for (const auto& info : list.sessions()) {
    if (info.session_id() == session.id()) session = ToSession(info, session.distro());
  }
  session.set_attached(true);
  events_.SessionChanged(v1::CHANGE_KIND_UPDATED, session);
  bridge->Prepare({attach.session_id(), attach.attach_token(), session.distro(), attach.wants_hints()},
                  HooksFor(session, true));
  bridge->Opened(channel->Open(request, bridge), *std::move(use));
  return absl::OkStatus();
}

absl::Status SessionManager::Enlist(const std::shared_ptr<SessionBridge>& bridge) {
  std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(closed_);
  std::erase_if(bridges_, [](const auto& weak) { return weak.expired(); });
  bridges_.push_back(bridge);
  return absl::OkStatus();
}

SessionBridge::Hooks SessionManager::HooksFor(const v1::Session& session, bool known) {
  struct Told {
    v1::Session session;
    bool known;
  };
  // The hooks are called one after the other.
  auto told = std::make_shared<Told>(Told{session, known});
  return {.started =
              [this, told](const runtime::v1::SessionStarted& started) {
                told->session.set_pid(started.pid());
                told->known = true;
                events_.SessionChanged(v1::CHANGE_KIND_CREATED, told->session);
              },
          .ending = [this, told] { instances_.TellLimits(told->session.distro().id()); },
          .ended =
              [this, told] {
                tokens_.Forget(told->session.id());
                told->session.set_attached(false);
                if (told->known) events_.SessionChanged(v1::CHANGE_KIND_DELETED, told->session);
              },
          .why =
              [this, id = session.distro().id()](SessionBridge::Hooks::Answer answer) {
                workers_.Run([this, id, answer = std::move(answer)] { answer(instances_.WhyEnded(id)); });
              }};
}

absl::StatusOr<std::vector<v1::Session>> SessionManager::List(const std::string& distro) {
  std::vector<RegistryEntry> entries;
  if (distro.empty()) {
    entries = registry_.List();
  } else {
    ASSIGN_OR_RETURN(auto entry, registry_.Find(distro));
    entries.push_back(std::move(entry));
  }
  std::vector<v1::Session> sessions;
  for (const RegistryEntry& entry : entries) {
    const auto use = instances_.AcquireRunning(entry.record.id);
    if (!use) continue;
    const auto list = SessionsOf(*use->channel(), entry.record.id);
    // It may have ended just now.
    if (!list.ok() && use->channel()->closed()) continue;
    RETURN_IF_ERROR(list.status());
    std::set<std::string> alive;
    for (const auto& info : list->sessions()) {
      sessions.push_back(ToSession(info, RefOf(entry.record)));
      alive.insert(info.session_id());
    }
    tokens_.ForgetAllBut(entry.record.id, alive);
  }
  std::stable_sort(sessions.begin(), sessions.end(), [](const v1::Session& a, const v1::Session& b) {
    return std::pair(a.start_time().seconds(), a.start_time().nanos()) <
           std::pair(b.start_time().seconds(), b.start_time().nanos());
  });
  return sessions;
}

absl::StatusOr<InstanceUse> SessionManager::InstanceOf(const std::string& session_id) {
  const auto distro_id = tokens_.DistroOf(session_id);
  if (!distro_id) return NoSession(session_id);
  RETURN_IF_ERROR(instances_.WaitUntilKnown(*distro_id));
  auto use = instances_.AcquireRunning(*distro_id);
  if (!use) return NoSession(session_id);
  return *std::move(use);
}

absl::Status SessionManager::CallOn(const std::string& session_id, runtime::v1::OpenRequest request) {
  ASSIGN_OR_RETURN(const InstanceUse use, InstanceOf(session_id));
  request.set_distro_id(use.distro_id());
  return use.channel()->Call(request, kCallTimeout).status();
}

absl::Status SessionManager::Signal(const std::string& session_id, int signal) {
  if (signal < 1 || signal >= NSIG) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument, "There is no such signal.",
                 {{"field", "signal"}});
  }
  runtime::v1::OpenRequest request;
  request.mutable_session_signal()->set_session_id(session_id);
  request.mutable_session_signal()->set_signal(signal);
  return CallOn(session_id, std::move(request));
}

absl::Status SessionManager::Detach(const std::string& session_id) {
  runtime::v1::OpenRequest request;
  request.mutable_session_detach()->set_session_id(session_id);
  return CallOn(session_id, std::move(request));
}

bool SessionManager::LimitReached(const std::string& distro_id, const runtime::v1::LimitReached& limit) {
  const auto entry = registry_.Find(distro_id);
  if (!entry.ok()) return false;
  const auto described = DescribeLimit(limit, RefOf(entry->record));
  if (!described) return false;
  if (limit.first) events_.LimitReached(*described);
  bool told = false;
  for (const auto& bridge : Bridges()) told = bridge->Hint(distro_id, described->message()) || told;
  return told;
}

void SessionManager::Incident(const runtime::v1::Incident& incident) {
  v1::Incident event;
  event.set_kind(IncidentKindOf(incident.kind));
  event.set_message(Escaped(incident.message));
  for (const std::string& id : incident.distro_ids) {
    if (const auto entry = registry_.Find(id); entry.ok()) *event.add_distros() = RefOf(entry->record);
  }
  events_.Incident(event);
  // Who loses his distro is told why by the end of his session.
  if (incident.kind == runtime::v1::Incident::Kind::kVmEnded) return;
  for (const auto& bridge : Bridges()) {
    for (const std::string& id : incident.distro_ids) bridge->Hint(id, event.message());
  }
}

std::vector<std::shared_ptr<SessionBridge>> SessionManager::Bridges() {
  std::vector<std::shared_ptr<SessionBridge>> bridges;
  std::lock_guard lock(mutex_);
  for (const auto& weak : bridges_) {
    if (auto bridge = weak.lock()) bridges.push_back(std::move(bridge));
  }
  return bridges;
}

void SessionManager::Close(const absl::Status& status) {
  std::vector<std::weak_ptr<SessionBridge>> bridges;
  {
    std::lock_guard lock(mutex_);
    closed_ = status;
    bridges.swap(bridges_);
  }
  for (const auto& weak : bridges) {
    if (const auto bridge = weak.lock()) bridge->End(status);
  }
}

}  // namespace wslm::daemon
