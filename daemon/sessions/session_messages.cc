#include "daemon/sessions/session_messages.h"

#include <csignal>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "daemon/timestamps.h"
#include "distros/host/error.h"
#include "distros/host/invalid.h"
#include "distros/host/status_macros.h"
#include "wslm/runtime/v1/frames.h"

namespace wslm::daemon {
namespace {

constexpr uint32_t kMaxSize = 65535;
constexpr uint32_t kDefaultRows = 24;
constexpr uint32_t kDefaultColumns = 80;

bool HasNul(const std::string& text) { return text.find('\0') != std::string::npos; }

absl::StatusOr<runtime::v1::WindowSize> ToWindow(const v1::TerminalSize& size, std::string_view field) {
  if (size.rows() < 1 || size.rows() > kMaxSize || size.columns() < 1 || size.columns() > kMaxSize) {
    return Invalid(field, "A terminal has 1 to 65535 rows and columns.");
  }
  runtime::v1::WindowSize window;
  window.set_rows(size.rows());
  window.set_columns(size.columns());
  return window;
}

template <class Request>
absl::StatusOr<std::vector<runtime::v1::HostMessage>> HostMessagesOf(const Request& request) {
  std::vector<runtime::v1::HostMessage> messages;
  switch (request.request_case()) {
    case Request::kStdin:
      for (size_t begin = 0; begin < request.stdin().size(); begin += runtime::v1::kMaxChunk) {
        messages.emplace_back().set_stdin(request.stdin().substr(begin, runtime::v1::kMaxChunk));
      }
      return messages;
    case Request::kEof:
      if (request.eof()) messages.emplace_back().set_eof(true);
      return messages;
    case Request::kResize: {
      ASSIGN_OR_RETURN(*messages.emplace_back().mutable_resize(), ToWindow(request.resize(), "resize"));
      return messages;
    }
    case Request::kSignal:
      if (request.signal() < 1 || request.signal() >= NSIG) return Invalid("signal", "There is no such signal.");
      messages.emplace_back().set_signal(request.signal());
      return messages;
    default:
      return Invalid("request", "After the first request only stdin, eof, resize and signal may come.");
  }
}

// What both responses have. False: it is none of that.
template <class Response>
bool SetOutput(const runtime::v1::GuestMessage& message, Response& response) {
  switch (message.message_case()) {
    case runtime::v1::GuestMessage::kStdout:
      response.set_stdout(message.stdout());
      return true;
    case runtime::v1::GuestMessage::kStderr:
      response.set_stderr(message.stderr());
      return true;
    case runtime::v1::GuestMessage::kExited:
      if (message.exited().has_signal()) {
        response.mutable_exited()->set_signal(message.exited().signal());
      } else {
        response.mutable_exited()->set_code(message.exited().code());
      }
      return true;
    default:
      return false;
  }
}

}  // namespace

absl::StatusOr<runtime::v1::SessionStart> ToSessionStart(const v1::Start& start) {
  runtime::v1::SessionStart result;
  if (HasNul(start.user())) return Invalid("start.user", "A user's name has no NUL byte.");
  result.set_user(start.user());
  for (const auto& argument : start.argv()) {
    if (HasNul(argument)) return Invalid("start.argv", "An argument has no NUL byte.");
    result.add_argv(argument);
  }
  switch (start.shell()) {
    case v1::SHELL_MODE_NONE:
      if (start.argv_size() == 0 || start.argv(0).empty()) {
        return Invalid("start.argv", "Without a shell a program must be named.");
      }
      result.set_shell(runtime::v1::SHELL_NONE);
      break;
    case v1::SHELL_MODE_LOGIN:
      result.set_shell(runtime::v1::SHELL_LOGIN);
      break;
    default:
      result.set_shell(runtime::v1::SHELL_COMMAND);
  }
  const std::string& folder = start.folder();
  if (HasNul(folder) || (!folder.empty() && folder[0] != '/' && folder != "~" && folder.rfind("~/", 0) != 0)) {
    return Invalid("start.folder", "The folder must be absolute, or begin with '~'.");
  }
  result.set_folder(folder);
  if (!start.host_folder().empty()) {
    if (start.host_folder()[0] != '/' || HasNul(start.host_folder())) {
      return Invalid("start.host_folder", "The host's folder must be absolute.");
    }
    result.set_host_folder(start.host_folder());
  }
  for (const auto& variable : start.environment()) {
    if (variable.name().empty() || HasNul(variable.name()) || variable.name().find('=') != std::string::npos ||
        HasNul(variable.value())) {
      return Invalid("start.environment",
                     "A variable's name is not empty and has no '=', and neither part has a NUL byte.");
    }
    auto* added = result.add_environment();
    added->set_name(variable.name());
    added->set_value(variable.value());
  }
  result.set_stdin_terminal(start.stdin_terminal());
  result.set_stdout_terminal(start.stdout_terminal());
  result.set_stderr_terminal(start.stderr_terminal());
  const bool terminal = start.stdin_terminal() || start.stdout_terminal() || start.stderr_terminal();
  if (terminal && start.has_terminal_size()) {
    ASSIGN_OR_RETURN(*result.mutable_window(), ToWindow(start.terminal_size(), "start.terminal_size"));
  } else if (terminal) {
    result.mutable_window()->set_rows(kDefaultRows);
    result.mutable_window()->set_columns(kDefaultColumns);
  }
  result.set_term(!start.term().empty() ? start.term() : terminal ? "xterm" : "dumb");
  result.set_detached(start.detached());
  return result;
}

absl::StatusOr<runtime::v1::SessionAttach> ToSessionAttach(const v1::Attach& attach) {
  runtime::v1::SessionAttach result;
  if (attach.stdout_offset() < 0 || attach.stderr_offset() < 0) {
    return Invalid("attach.stdout_offset", "An offset is not negative.");
  }
  result.set_session_id(attach.session_id());
  result.set_stdout_offset(attach.stdout_offset());
  result.set_stderr_offset(attach.stderr_offset());
  if (attach.has_terminal_size()) {
    ASSIGN_OR_RETURN(*result.mutable_window(), ToWindow(attach.terminal_size(), "attach.terminal_size"));
  }
  return result;
}

absl::StatusOr<std::vector<runtime::v1::HostMessage>> ToHostMessages(const v1::ExecRequest& request) {
  return HostMessagesOf(request);
}

absl::StatusOr<std::vector<runtime::v1::HostMessage>> ToHostMessages(const v1::AttachRequest& request) {
  return HostMessagesOf(request);
}

void ToResponse(const runtime::v1::GuestMessage& message, const SessionIdentity& identity, v1::ExecResponse& response) {
  if (SetOutput(message, response) || !message.has_started()) return;
  auto* started = response.mutable_started();
  started->set_session_id(identity.session_id);
  started->set_attach_token(identity.attach_token);
  *started->mutable_distro() = identity.distro;
  started->set_pid(message.started().pid());
  for (const auto& warning : message.started().warnings()) started->add_warnings(Escaped(warning));
}

void ToResponse(const runtime::v1::GuestMessage& message, const SessionIdentity& identity,
                v1::AttachResponse& response) {
  if (SetOutput(message, response) || !message.has_attached()) return;
  auto* attached = response.mutable_attached();
  attached->set_stdin_offset(message.attached().stdin_offset());
  attached->set_stdout_offset(message.attached().stdout_offset());
  attached->set_stderr_offset(message.attached().stderr_offset());
  *attached->mutable_distro() = identity.distro;
}

v1::Session ToSession(const runtime::v1::SessionInfo& info, const v1::DistroRef& distro) {
  v1::Session session;
  session.set_id(info.session_id());
  *session.mutable_distro() = distro;
  session.set_pid(info.pid());
  session.set_user(Escaped(info.user()));
  session.set_command(Escaped(info.command()));
  session.set_has_terminal(info.has_terminal());
  session.set_attached(info.attached());
  *session.mutable_start_time() = ToTimestamp(info.start_time_ns());
  return session;
}

}  // namespace wslm::daemon
