#include "runtime-v2/host/qmp.h"

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/host/unix_socket.h"

namespace wslm {
namespace {

// Answers of the commands in use are far below.
constexpr size_t kLongestLine = size_t{4} << 20;

absl::Status Gone() {
  return Error(absl::StatusCode::kUnavailable, reason::kRuntimeDied, "The VM's QEMU has hung up.");
}

}  // namespace

std::string JsonText(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool JsonFlag(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

absl::StatusOr<std::unique_ptr<Qmp>> Qmp::Connect(const std::string& socket, absl::Duration timeout,
                                                  EventHandler on_event, const std::function<bool()>& give_up) {
  ASSIGN_OR_RETURN(UniqueFd fd, ConnectUnixSocket(socket, timeout, give_up));
  std::unique_ptr<Qmp> qmp(new Qmp(std::move(fd), std::move(on_event)));
  RETURN_IF_ERROR(qmp->Negotiate(timeout));
  return qmp;
}

Qmp::Qmp(UniqueFd socket, EventHandler on_event) : socket_(std::move(socket)), on_event_(std::move(on_event)) {
  reader_ = std::thread([this] { ReadLoop(); });
}

Qmp::~Qmp() {
  ::shutdown(socket_.get(), SHUT_RDWR);
  reader_.join();
}

absl::Status Qmp::Negotiate(absl::Duration timeout) {
  {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, absl::ToChronoMilliseconds(timeout), [this] { return greeted_ || closed_; })) {
      return Error(absl::StatusCode::kDeadlineExceeded, reason::kStartFailed, "The VM's QEMU does not answer.");
    }
  }
  return Execute("qmp_capabilities", Json::object(), -1, timeout).status();
}

absl::Status Qmp::SendAll(const std::string& bytes, int fd) {
  const std::lock_guard lock(write_mutex_);
  size_t sent = 0;
  while (sent < bytes.size()) {
    iovec part{const_cast<char*>(bytes.data()) + sent, bytes.size() - sent};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    if (fd >= 0 && sent == 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    const ssize_t count = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Gone();
    sent += static_cast<size_t>(count);
  }
  return absl::OkStatus();
}

absl::StatusOr<Json> Qmp::Execute(const std::string& command, const Json& arguments, int fd, absl::Duration timeout) {
  auto pending = std::make_shared<Pending>();
  int64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return Gone();
    id = next_id_++;
    pending_[id] = pending;
  }
  Json request = {{"execute", command}, {"id", id}};
  if (arguments.is_object() && !arguments.empty()) request["arguments"] = arguments;
  const absl::Status sent = SendAll(request.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n", fd);
  std::unique_lock lock(mutex_);
  if (sent.ok()) {
    changed_.wait_for(lock, absl::ToChronoMilliseconds(timeout), [&] { return pending->done; });
  }
  pending_.erase(id);
  if (!sent.ok()) return sent;
  if (!pending->done) {
    return Error(absl::StatusCode::kDeadlineExceeded, reason::kInternal,
                 "The VM's QEMU did not answer " + command + ".");
  }
  if (!pending->answer.ok()) return WithContext(pending->answer.status(), command);
  return pending->answer;
}

void Qmp::ReadLoop() {
  std::string buffer;
  char chunk[16384];
  while (true) {
    const ssize_t count = ::recv(socket_.get(), chunk, sizeof chunk, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || buffer.size() > kLongestLine) break;
    buffer.append(chunk, static_cast<size_t>(count));
    size_t begin = 0;
    for (size_t end = 0; (end = buffer.find('\n', begin)) != std::string::npos; begin = end + 1) {
      HandleLine(buffer.substr(begin, end - begin));
    }
    buffer.erase(0, begin);
  }
  CloseAll();
}

void Qmp::HandleLine(const std::string& line) {
  const Json message = Json::parse(line, nullptr, false);
  if (!message.is_object()) return;
  if (message.contains("event")) {
    on_event_(Event{JsonText(message, "event"), message.value("data", Json::object())});
    return;
  }
  const std::lock_guard lock(mutex_);
  if (message.contains("QMP")) {
    greeted_ = true;
    changed_.notify_all();
    return;
  }
  const auto id = message.find("id");
  if (id == message.end() || !id->is_number_integer()) return;
  const auto pending = pending_.find(id->get<int64_t>());
  if (pending == pending_.end()) return;
  pending->second->done = true;
  if (message.contains("error")) {
    pending->second->answer =
        Error(absl::StatusCode::kInternal, reason::kInternal, Escaped(JsonText(message["error"], "desc")));
  } else {
    pending->second->answer = message.value("return", Json::object());
  }
  changed_.notify_all();
}

void Qmp::CloseAll() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    for (const auto& [id, pending] : pending_) {
      pending->done = true;
      pending->answer = Gone();
    }
    changed_.notify_all();
  }
  on_event_(Event{});
}

}  // namespace wslm
