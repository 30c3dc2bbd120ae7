#include "runtime-v2/agent/child_task.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <utility>

#include "distros/host/error.h"

namespace wslm {
namespace {

// On the pipe: the StreamEnd's length in 4 bytes, the StreamEnd, the result.
std::string Encode(const absl::Status& status, const std::string& result) {
  const std::string end = ToStreamEnd(status).SerializeAsString();
  const uint32_t size = static_cast<uint32_t>(end.size());
  return std::string(reinterpret_cast<const char*>(&size), sizeof size) + end + result;
}

absl::Status Decode(const std::string& bytes, std::string& result) {
  uint32_t size = 0;
  runtime::v1::StreamEnd end;
  if (bytes.size() >= sizeof size) bytes.copy(reinterpret_cast<char*>(&size), sizeof size);
  if (bytes.size() < sizeof size + size || !end.ParseFromArray(bytes.data() + sizeof size, static_cast<int>(size))) {
    return Error(absl::StatusCode::kInternal, reason::kInternal, "A process of the VM's agent died at its work.");
  }
  result = bytes.substr(sizeof size + size);
  return FromStreamEnd(end);
}

// What the parent has of a child.
struct Running {
  pid_t pid = 0;
  UniqueFd pipe;
  std::string bytes;
  EventLoop::Timer limit = 0;
  std::function<void(absl::Status, std::string)> done;
};

void Read(EventLoop& loop, Running& child) {
  char buffer[4096];
  const ssize_t count = ::read(child.pipe.get(), buffer, sizeof buffer);
  if (count > 0) {
    child.bytes.append(buffer, static_cast<size_t>(count));
    return;
  }
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  loop.Forget(child.pipe.get());
  loop.Cancel(child.limit);
  std::string result;
  const absl::Status status = Decode(child.bytes, result);
  child.done(status, std::move(result));
}

void OnLimit(EventLoop& loop, Running& child, const std::string& words) {
  loop.Forget(child.pipe.get());
  ::kill(child.pid, SIGKILL);
  child.done(Error(absl::StatusCode::kDeadlineExceeded, reason::kInternal, words), "");
}

[[noreturn]] void Child(int pipe, const std::function<absl::Status(std::string&)>& work) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::string result;
  const absl::Status status = work(result);
  const std::string bytes = Encode(status, result);
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count = ::write(pipe, bytes.data() + written, bytes.size() - written);
    if (count < 0 && errno != EINTR) break;
    if (count > 0) written += static_cast<size_t>(count);
  }
  ::_exit(0);
}

}  // namespace

runtime::v1::StreamEnd ToStreamEnd(const absl::Status& status) {
  runtime::v1::StreamEnd end;
  end.set_code(static_cast<int>(status.code()));
  end.set_message(std::string(status.message()));
  end.set_reason(ReasonOf(status));
  return end;
}

absl::Status FromStreamEnd(const runtime::v1::StreamEnd& end) {
  if (end.code() == 0) return absl::OkStatus();
  return Error(static_cast<absl::StatusCode>(end.code()), end.reason(), end.message());
}

void RunInChild(EventLoop& loop, const std::function<absl::Status(std::string& result)>& work,
                std::function<void(absl::Status status, std::string result)> done, std::optional<ChildLimit> limit) {
  const auto fail = [&](std::string_view what) {
    loop.After(std::chrono::milliseconds(0), [done, status = ErrnoError("cannot make", what)] { done(status, ""); });
  };
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail("a pipe");
  auto child = std::make_shared<Running>();
  child->pipe.Reset(ends[0]);
  UniqueFd writer(ends[1]);
  ::fcntl(child->pipe.get(), F_SETFL, O_NONBLOCK);
  child->pid = ::fork();
  if (child->pid < 0) return fail("a process");
  if (child->pid == 0) Child(writer.get(), work);
  writer.Reset();
  child->done = done;
  if (!loop.Watch(child->pipe.get(), EPOLLIN, [&loop, child](uint32_t) { Read(loop, *child); })) {
    fail("a watch");
    ::kill(child->pid, SIGKILL);
    return;
  }
  if (!limit) return;
  child->limit =
      loop.After(limit->after, [&loop, child, words = std::string(limit->words)] { OnLimit(loop, *child, words); });
}

}  // namespace wslm
