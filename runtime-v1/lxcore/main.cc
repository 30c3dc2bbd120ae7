// wslm-lxcore: one running v1 distro.
//
//   wslm-lxcore --folder=F [--second-owner=UID:GID] --run-folder=R --socket=S [--files-socket=T] --config-fd=N
//               --ready-fd=M
//       as wslmd starts it: N holds a serialised InstanceConfig; M gets "OK\n", or "ERROR reason\nmessage" and the exit
//       code is 1. R/lock is locked as long as it lives; R/limits gets a line for what programs can't do
//       in it (limits.h); wslm-init listens on S, and on T for clients of the distro's
//       files. Standard error is the log.
//       SIGHUP lets the installed wslm-lxcore take over, if it is another.
//   wslm-lxcore --check --config-fd=N --ready-fd=M
//       tries whether the host can run v1 distros and tells M.
//   wslm-lxcore --folder=F [--second-owner=UID:GID] [--automount] [--] COMMAND [ARGUMENT...]
//       for developers and tests: runs a command in the distro, in the foreground, without wslm-init, and ends with its
//       exit code.
//   wslm-lxcore --serve ..., wslm-lxcore --check-state
//       as the first two start it beside the distro (serve.h).
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/home.h"
#include "distros/host/remove_tree.h"
#include "distros/host/status_macros.h"
#include "runtime-v1/lxcore/distro_conf.h"
#include "runtime-v1/lxcore/host_check.h"
#include "runtime-v1/lxcore/instance.h"
#include "runtime-v1/lxcore/serve.h"
#include "runtime-v1/lxcore/shared_state.h"
#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm::lxcore {
namespace {

using runtime::v1::InstanceConfig;

constexpr char kUsage[] =
    "usage: wslm-lxcore --folder=FOLDER [--second-owner=UID:GID] [--automount] [--] COMMAND [ARGUMENT...]\n";

struct Options {
  std::string folder;
  SecondOwner second_owner;
  bool automount = false;
  bool check = false;
  std::string run_folder;
  std::string socket;
  std::string files_socket;
  UniqueFd config;
  UniqueFd ready;
  std::vector<std::string> command;
};

bool ParseOption(std::string_view argument, Options& options) {
  if (argument == "--automount") {
    options.automount = true;
    return true;
  }
  if (argument == "--check") {
    options.check = true;
    return true;
  }
  const size_t equals = argument.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view name = argument.substr(0, equals);
  const std::string value(argument.substr(equals + 1));
  int fd;
  if (name == "--folder") {
    options.folder = value;
  } else if (name == "--run-folder") {
    options.run_folder = value;
  } else if (name == "--socket") {
    options.socket = value;
  } else if (name == "--files-socket") {
    options.files_socket = value;
  } else if (name == "--second-owner") {
    const std::vector<std::string> ids = absl::StrSplit(value, ':');
    return ids.size() == 2 && absl::SimpleAtoi(ids[0], &options.second_owner.uid) &&
           absl::SimpleAtoi(ids[1], &options.second_owner.gid);
  } else if ((name == "--config-fd" || name == "--ready-fd") && absl::SimpleAtoi(value, &fd) && fd > STDERR_FILENO) {
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    (name == "--config-fd" ? options.config : options.ready).Reset(fd);
  } else {
    return false;
  }
  return true;
}

std::optional<Options> ParseOptions(int argc, char** argv) {
  Options options;
  int i = 1;
  for (; i < argc && std::string_view(argv[i]).starts_with("--"); ++i) {
    if (std::string_view(argv[i]) == "--") {
      ++i;
      break;
    }
    if (!ParseOption(argv[i], options)) return std::nullopt;
  }
  options.command.assign(argv + i, argv + argc);
  const bool managed = options.config && options.ready && !options.run_folder.empty() && !options.socket.empty();
  if (options.check) return options;
  if (options.folder.empty() || managed == !options.command.empty()) return std::nullopt;
  return options;
}

absl::StatusOr<std::string> AbsolutePath(const std::string& path) {
  std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), ::free);
  if (!real) return ErrnoError("cannot open", path);
  return std::string(real.get());
}

absl::StatusOr<UniqueFd> LockRunFolder(const std::string& folder) {
  ASSIGN_OR_RETURN(UniqueFd lock, OpenFile(folder + "/lock", O_RDWR | O_CREAT, 0600));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroRunning, "The distro is running already.");
  }
  // For the next wslmd, to find this process.
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock.get(), 0) != 0 || ::write(lock.get(), pid.data(), pid.size()) < 0) {
    return ErrnoError("cannot write", folder + "/lock");
  }
  return lock;
}

absl::StatusOr<UniqueFd> Listen(const std::string& path) {
  sockaddr_un address = {.sun_family = AF_UNIX};
  if (path.size() >= sizeof(address.sun_path)) return ErrnoError("cannot listen on", path, ENAMETOOLONG);
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ::unlink(path.c_str());
  const mode_t umask = ::umask(0177);
  const bool listening = socket && ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                         ::listen(socket.get(), 8) == 0;
  ::umask(umask);
  if (!listening) return ErrnoError("cannot listen on", path);
  return socket;
}

absl::StatusOr<InstanceConfig> ReadConfig(int fd) {
  std::string bytes;
  char buffer[16 * 1024];
  ssize_t size;
  while ((size = ::read(fd, buffer, sizeof(buffer))) > 0) bytes.append(buffer, size);
  InstanceConfig config;
  if (size < 0 || !config.ParseFromString(bytes)) {
    return Error(absl::StatusCode::kInternal, reason::kStartFailed, "The distro's configuration can't be read.");
  }
  // For init, which reads it again.
  if (::lseek(fd, 0, SEEK_SET) < 0) return ErrnoError("cannot rewind", "the distro's configuration");
  return config;
}

// What wslmd starts.
absl::Status PlanManaged(Options& options, InstancePlan& plan, UniqueFd& lock) {
  ASSIGN_OR_RETURN(lock, LockRunFolder(options.run_folder));
  ASSIGN_OR_RETURN(const InstanceConfig config, ReadConfig(options.config.get()));
  ASSIGN_OR_RETURN(UniqueFd socket, Listen(options.socket));
  const std::string init = ProgramPath("wslm-init");
  if (init.empty()) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kStartFailed,
                 "wslm-init is missing: wslm is not installed completely.");
  }
  ASSIGN_OR_RETURN(plan.container.init, OpenFile(init, O_PATH));
  WslConf& conf = plan.container.mounts.conf;
  conf = ReadDistroConf(plan.container.mounts.rootfs, config.record_default_user());
  plan.container.hostname = conf.hostname.empty() ? config.hostname() : conf.hostname;
  plan.container.mounts.automount = config.automount();
  plan.container.mounts.resolv_conf = config.resolv_conf();
  plan.container.mounts.hosts = HostsWithName(conf, config.hosts());
  plan.limits = options.run_folder + "/limits";
  plan.container.kept = {options.config.get(), socket.get()};
  plan.container.arguments = {"wslm-init", "--config-fd=" + std::to_string(options.config.Release()),
                              "--listen-fd=" + std::to_string(socket.Release())};
  if (!options.files_socket.empty()) {
    ASSIGN_OR_RETURN(UniqueFd files, Listen(options.files_socket));
    plan.container.kept.push_back(files.get());
    plan.container.arguments.push_back("--files-fd=" + std::to_string(files.Release()));
  }
  return absl::OkStatus();
}

absl::Status PlanForeground(const Options& options, InstancePlan& plan) {
  char hostname[256] = "wslm";
  ::gethostname(hostname, sizeof(hostname) - 1);
  plan.container.hostname = hostname;
  plan.container.mounts.conf = ReadDistroConf(plan.container.mounts.rootfs, "");
  plan.container.mounts.automount = options.automount;
  if (auto text = ReadSmallFile("/etc/resolv.conf"); text.ok()) plan.container.mounts.resolv_conf = *text;
  if (auto text = ReadSmallFile("/etc/hosts"); text.ok()) plan.container.mounts.hosts = *text;
  plan.container.arguments = options.command;
  plan.container.foreground = true;
  // Ctrl-C is for the command.
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGQUIT, SIG_IGN);
  return absl::OkStatus();
}

void Log(const std::string& line) {
  char when[32];
  const time_t now = ::time(nullptr);
  tm parts;
  std::strftime(when, sizeof(when), "%F %T", ::localtime_r(&now, &parts));
  std::fprintf(stderr, "%s %s\n", when, line.c_str());
}

void TellReady(const UniqueFd& ready, const std::string& text) {
  // Nobody may listen any more: then the distro runs on without it.
  [[maybe_unused]] const ssize_t written = ::write(ready.get(), text.data(), text.size());
}

std::string ErrorText(const absl::Status& status) {
  return "ERROR " + ReasonOf(status) + "\n" + std::string(status.message());
}

// For tests and comparisons.
bool IsFastPathOff() {
  const char* value = ::getenv("WSLM_FASTPATH");
  return value != nullptr && std::string_view(value) == "off";
}

// What the guardian starts. Its threads may wait in the kernel for ever: nothing is cleaned up.
[[noreturn]] void ServeMain(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  UniqueFd told(kReadyFd);
  ServePlan plan;
  absl::Status status;
  for (int i = 2; i < argc; ++i) {
    if (!ParseServeArgument(argv[i], plan)) {
      status = Error(absl::StatusCode::kInvalidArgument, reason::kStartFailed, "lxcore was started in a wrong way.");
    }
  }
  // The guests' programs are none of its children's, and get none of its descriptors.
  for (const int fd : {kStateFd, kListenerFd, kInitFd, kFilesInFd, kFilesOutFd, kReadyFd})
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  if (status.ok()) {
    status = Serve(plan, [&] {
      TellReady(told, "OK\n");
      told.Reset();
    });
  }
  if (status.ok()) ::_exit(0);
  if (told) {
    TellReady(told, ErrorText(status));
  } else {
    Log(std::string(status.message()));
  }
  ::_exit(1);
}

int Main(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "--serve") ServeMain(argc, argv);
  if (first == "--check-state") return SharedState::Attach(UniqueFd(kStateFd)).ok() ? 0 : 1;
  std::optional<Options> options = ParseOptions(argc, argv);
  if (!options) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  ::signal(SIGPIPE, SIG_IGN);
  const bool managed = static_cast<bool>(options->ready);
  if (options->check) {
    const absl::Status status = CheckHost();
    TellReady(options->ready, status.ok() ? "OK\n" : ErrorText(status));
    return status.ok() ? 0 : 1;
  }
  InstancePlan plan;
  UniqueFd lock;
  plan.second_owner = options->second_owner;
  plan.fast_path = !IsFastPathOff();
  absl::Status status;
  if (auto folder = AbsolutePath(options->folder); folder.ok()) {
    plan.folder = *folder;
    plan.container.mounts.rootfs = *folder + "/rootfs";
    status = managed ? PlanManaged(*options, plan, lock) : PlanForeground(*options, plan);
  } else {
    status = folder.status();
  }
  absl::StatusOr<int> ended = 0;
  if (!status.ok()) {
    ended = status;
  } else {
    ended = RunInstance(
        std::move(plan),
        [&] {
          if (!managed) return;
          Log("started");
          TellReady(options->ready, "OK\n");
          options->ready.Reset();
        },
        Log);
  }
  if (!ended.ok()) {
    const std::string message(ended.status().message());
    const char* what = options->ready ? "not started: " : "ended: ";
    managed ? Log(what + message) : static_cast<void>(std::fprintf(stderr, "%s\n", message.c_str()));
    if (options->ready) TellReady(options->ready, ErrorText(ended.status()));
    return 1;
  }
  const int code = WIFEXITED(*ended) ? WEXITSTATUS(*ended) : 128 + WTERMSIG(*ended);
  if (!managed) return code;
  Log("ended with " + std::to_string(code));
  if (code == 0) {
    // Nobody will ask why.
    ::unlink(options->socket.c_str());
    ::unlink(options->files_socket.c_str());
    RemoveTree(options->run_folder).IgnoreError();
  }
  return 0;
}

}  // namespace
}  // namespace wslm::lxcore

int main(int argc, char** argv) { return wslm::lxcore::Main(argc, argv); }
