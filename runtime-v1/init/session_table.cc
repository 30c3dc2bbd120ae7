#include "runtime-v1/init/session_table.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "runtime-v1/init/boot_command.h"
#include "runtime-v1/init/conf.h"
#include "runtime-v1/init/plan.h"
#include "runtime-v1/init/text.h"
#include "wslm/runtime/v1/frames.h"

namespace wslm::init {
namespace {

// Ended sessions are kept for whoever attaches again, each with two replays of output: no more than these.
constexpr size_t kMostEnded = 32;

proto::StreamEnd NoSuchSession(const std::string& id) {
  return Failure(Code::kNotFound, "SESSION_NOT_FOUND", "There is no session '" + Escaped(id) + "' (any more).");
}

}  // namespace

std::shared_ptr<Session> SessionTable::Find(const std::string& id) const {
  const auto found =
      std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& session) { return session->id() == id; });
  return found == sessions_.end() ? nullptr : *found;
}

std::shared_ptr<StreamHandler> SessionTable::Start(const proto::SessionStart& request,
                                                   const std::shared_ptr<HostStream>& stream) {
  if (request.session_id().empty() || Find(request.session_id())) {
    stream->End(Failure(Code::kInvalidArgument, "INVALID_ARGUMENT",
                        "The session's id '" + Escaped(request.session_id()) + "' is empty or taken."));
    return nullptr;
  }
  const WslConf conf = ReadConf(config_);
  std::variant<PlannedSession, proto::StreamEnd> plan = PlanSession(config_, conf, request);
  if (const auto* failure = std::get_if<proto::StreamEnd>(&plan)) {
    stream->End(*failure);
    return nullptr;
  }
  if (!std::exchange(booted_, true)) RunBootCommand(config_, conf);
  TellWarnings(conf, std::get<PlannedSession>(plan).warnings);
  ForgetOldEnds();
  auto session = std::make_shared<Session>(loop_, times_, request, std::get<PlannedSession>(std::move(plan)),
                                           [this](Session& ended) { Forget(ended); });
  if (const std::optional<proto::StreamEnd> failure = session->Start(stream)) {
    stream->End(*failure);
    return nullptr;
  }
  sessions_.push_back(session);
  return session;
}

std::shared_ptr<StreamHandler> SessionTable::Attach(const proto::SessionAttach& request,
                                                    const std::shared_ptr<HostStream>& stream) {
  std::shared_ptr<Session> session = Find(request.session_id());
  if (!session || !session->started()) {
    stream->End(NoSuchSession(request.session_id()));
    return nullptr;
  }
  session->Attach(request, stream);
  return session;
}

void SessionTable::Signal(const proto::SessionSignal& request, HostStream& stream) {
  const std::shared_ptr<Session> session = Find(request.session_id());
  if (!session || !session->running()) return stream.End(NoSuchSession(request.session_id()));
  session->Signal(request.signal());
  stream.End({});
}

void SessionTable::Detach(const proto::SessionDetach& request, HostStream& stream) {
  const std::shared_ptr<Session> session = Find(request.session_id());
  if (!session || !session->running()) return stream.End(NoSuchSession(request.session_id()));
  session->SetDetached();
  stream.End({});
}

proto::SessionList SessionTable::List() const {
  proto::SessionList list;
  size_t size = 0;
  for (const auto& session : sessions_) {
    if (!session->running()) continue;
    proto::SessionInfo info = session->Info();
    size += info.ByteSizeLong() + 8;
    if (size > proto::kMaxChunk) break;
    *list.add_sessions() = std::move(info);
  }
  return list;
}

void SessionTable::OnExit(pid_t pid, int wait_status) {
  const auto found = std::find_if(sessions_.begin(), sessions_.end(),
                                  [&](const auto& session) { return session->running() && session->pid() == pid; });
  if (found == sessions_.end()) return;
  const std::shared_ptr<Session> session = *found;
  session->OnExit(wait_status);
}

int SessionTable::CountRunning() const {
  return static_cast<int>(
      std::count_if(sessions_.begin(), sessions_.end(), [](const auto& session) { return session->running(); }));
}

void SessionTable::SignalTerminals(int signal) {
  for (const auto& session : sessions_) {
    if (session->has_terminal()) session->SignalLeader(signal);
  }
}

bool SessionTable::AllTold() const {
  return std::none_of(sessions_.begin(), sessions_.end(), [](const auto& session) { return session->attached(); });
}

void SessionTable::TellWarnings(const WslConf& conf, std::vector<std::string>& warnings) {
  for (const std::string& warning : conf.warnings) {
    const bool told = std::find(told_warnings_.begin(), told_warnings_.end(), warning) != told_warnings_.end();
    if (!told) warnings.push_back(warning);
  }
  told_warnings_ = conf.warnings;
}

void SessionTable::Forget(const Session& session) {
  const auto found =
      std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& held) { return held.get() == &session; });
  if (found == sessions_.end()) return;
  const std::shared_ptr<Session> released = *found;
  sessions_.erase(found);
}

void SessionTable::ForgetOldEnds() {
  const auto forgettable = [](const auto& session) { return !session->running() && !session->attached(); };
  while (static_cast<size_t>(std::count_if(sessions_.begin(), sessions_.end(), forgettable)) >= kMostEnded) {
    Forget(**std::find_if(sessions_.begin(), sessions_.end(), forgettable));
  }
}

}  // namespace wslm::init
