#include "runtime-v1/init/file_service.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "runtime-v1/init/p9/connection.h"

namespace wslm::init {
namespace {

constexpr size_t kMostClients = 64;

// Two for each fid; some for what is opened on the way.
p9::Limits LimitsOfProcess() {
  constexpr rlim_t kSpare = 32;
  p9::Limits limits;
  rlimit files;
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return limits;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur > 2 * kSpare) limits.fids = std::min<size_t>(limits.fids, (files.rlim_cur - kSpare) / 2);
  return limits;
}

[[noreturn]] void BeClient(int connection) {
  ::setsid();
  ::prctl(PR_SET_NAME, "wslm-9p");
  ::dup2(connection, STDERR_FILENO + 1);
  ::close_range(STDERR_FILENO + 2, ~0U, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // Modes are the client's to say.
  ::umask(0);
  p9::Server server(UniqueFd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)), LimitsOfProcess());
  p9::ServeConnection(STDERR_FILENO + 1, server);
  ::_exit(0);
}

}  // namespace

void FileService::Serve(UniqueFd listener) {
  listener_ = std::move(listener);
  loop_.Watch(listener_.get(), EPOLLIN, [this](uint32_t) { OnConnection(); });
}

void FileService::OnConnection() {
  const UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection || clients_.size() >= kMostClients) return;
  const pid_t pid = ::fork();
  if (pid == 0) BeClient(connection.get());
  if (pid > 0) clients_.insert(pid);
}

}  // namespace wslm::init
