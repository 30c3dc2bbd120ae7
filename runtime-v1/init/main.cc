// wslm-init: PID 1 of a distro, in either runtime. Exec'ed into a container that is ready: namespaces, mounts and host
// name are the work of whoever made it.
//
//   wslm-init --config-fd=N --listen-fd=M [--files-fd=F]
//                                            v1: the daemon connects to the Unix socket that M listens on; F is one for
//                                            clients of the distro's files (file_service.h)
//   wslm-init --config-fd=N --channel-fd=M   v2: M is connected to the VM's agent; its end is the distro's end. Where
//                                            wsl.conf asks for systemd, that one becomes PID 1 (systemd.h)
//
// N holds a serialised InstanceConfig. Exit codes: 0 the distro was ended; 1 it could not begin; 2 wrong usage.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "distros/config/words.h"
#include "runtime-v1/init/init.h"
#include "runtime-v1/init/systemd.h"
#include "runtime-v1/init/text.h"

namespace wslm::init {
namespace {

struct Arguments {
  UniqueFd config;
  UniqueFd listener;
  UniqueFd channel;
  UniqueFd files;
};

bool ParseArguments(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const size_t equals = argument.find('=');
    if (equals == std::string_view::npos) return false;
    const std::optional<uint32_t> number = ParseId(argument.substr(equals + 1));
    // 0, 1 and 2 are init's own.
    if (!number || *number <= STDERR_FILENO || *number > INT32_MAX) return false;
    const int fd = static_cast<int>(*number);
    const std::string_view name = argument.substr(0, equals);
    if (name == "--config-fd") {
      arguments.config.Reset(fd);
    } else if (name == "--listen-fd") {
      arguments.listener.Reset(fd);
    } else if (name == "--channel-fd") {
      arguments.channel.Reset(fd);
    } else if (name == "--files-fd") {
      arguments.files.Reset(fd);
    } else {
      return false;
    }
  }
  return arguments.config && static_cast<bool>(arguments.listener) != static_cast<bool>(arguments.channel);
}

std::optional<proto::InstanceConfig> ReadConfig(int fd) {
  std::string bytes;
  char buffer[16 * 1024];
  ssize_t got;
  while ((got = ::read(fd, buffer, sizeof(buffer))) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    bytes.append(buffer, static_cast<size_t>(got));
  }
  proto::InstanceConfig config;
  if (!config.ParseFromString(bytes)) return std::nullopt;
  return config;
}

// Sessions' descriptors must never be 0, 1 or 2: fills the gaps when whoever started init left some.
void FillStandardStreams() {
  int fd;
  do {
    fd = ::open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd < STDERR_FILENO);
  if (fd > STDERR_FILENO) ::close(fd);
}

UniqueFd TakeSignals() {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t taken;
  ::sigemptyset(&taken);
  ::sigaddset(&taken, SIGCHLD);
  ::sigaddset(&taken, SIGTERM);
  ::sigprocmask(SIG_SETMASK, &taken, nullptr);
  return UniqueFd(::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
}

int Main(int argc, char** argv) {
  Arguments arguments;
  if (!ParseArguments(argc, argv, arguments)) {
    std::fputs("usage: wslm-init --config-fd=N (--listen-fd=M | --channel-fd=M) [--files-fd=F]\n", stderr);
    return 2;
  }
  // It signals "all processes": elsewhere that would be the user's.
  if (::getpid() != 1) {
    std::fputs("wslm-init: must be the first process of a PID namespace\n", stderr);
    return 2;
  }
  FillStandardStreams();
  ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  ::umask(022);
  std::optional<proto::InstanceConfig> config = ReadConfig(arguments.config.get());
  arguments.config.Reset();
  UniqueFd notify;
  const std::string systemd = config ? SystemdFor(*config) : "";
  if (!systemd.empty() && !BecomeChildOfSystemd(systemd, argc, argv, notify)) {
    std::fprintf(stderr, "wslm-init: cannot start %s: %s\n", systemd.c_str(), std::strerror(errno));
    return 1;
  }
  UniqueFd signals = TakeSignals();
  if (!config || !signals || ::chdir("/") < 0) {
    std::fprintf(stderr, "wslm-init: cannot begin: %s\n", config ? std::strerror(errno) : "no configuration");
    return 1;
  }
  Init init(*std::move(config), std::move(signals), std::move(notify));
  if (arguments.files) init.ServeFiles(std::move(arguments.files));
  if (arguments.listener) {
    init.ServeListener(std::move(arguments.listener));
  } else {
    init.ServeChannel(std::move(arguments.channel));
  }
  init.Run();
  return 0;
}

}  // namespace
}  // namespace wslm::init

int main(int argc, char** argv) { return wslm::init::Main(argc, argv); }
