#include "runtime-v1/init/systemd.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>
#include <variant>

#include "runtime-v1/init/conf.h"
#include "runtime-v1/init/launch.h"
#include "runtime-v1/init/plan.h"

namespace wslm::init {
namespace {

// Emulated, on a busy host. Sessions begin then, whatever systemd still does.
constexpr std::chrono::milliseconds kBootPatience{90'000};
constexpr std::chrono::milliseconds kUserPatience{30'000};
constexpr std::chrono::milliseconds kAskAgain{1'000};
constexpr char kNotifyFolder[] = "/run/wslm";
constexpr char kNotifySocket[] = "/run/wslm/notify";
constexpr char kOwnName[] = "@wslm-init";

UniqueFd BindNotifySocket() {
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, kNotifySocket, sizeof kNotifySocket);
  ::mkdir(kNotifyFolder, 0755);
  const bool bound = ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                     ::chmod(kNotifySocket, 0600) == 0;
  return bound ? std::move(socket) : UniqueFd();
}

void Execute(const std::string& program) {
  const std::string notify = std::string("NOTIFY_SOCKET=") + kNotifySocket;
  const char* argv[] = {program.c_str(), nullptr};
  // "container" tells it, and units' conditions, that there is no hardware to look after.
  const char* environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "container=wslm",
                               notify.c_str(), nullptr};
  ::execve(program.c_str(), const_cast<char**>(argv), const_cast<char**>(environment));
}

void WriteOverArguments(int argc, char** argv) {
  char* const end = argv[argc - 1] + std::strlen(argv[argc - 1]);
  const size_t room = static_cast<size_t>(end - argv[0]);
  if (room < sizeof kOwnName) return;
  std::memset(argv[0], 0, room);
  std::memcpy(argv[0], kOwnName, sizeof kOwnName);
}

}  // namespace

std::string FindSystemd() {
  for (const char* path : {"/usr/lib/systemd/systemd", "/lib/systemd/systemd"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  return "";
}

std::string SystemdFor(const ::wslm::runtime::v1::InstanceConfig& config) {
  return config.version() == 2 && ReadConf(config).systemd ? FindSystemd() : "";
}

bool BecomeChildOfSystemd(const std::string& program, int argc, char** argv, UniqueFd& notify) {
  notify = BindNotifySocket();
  if (!notify) return false;
  const pid_t child = ::fork();
  if (child > 0) Execute(program);
  if (child != 0) return false;
  WriteOverArguments(argc, argv);
  return true;
}

Systemd::Systemd(EventLoop& loop, const ::wslm::runtime::v1::InstanceConfig& config, UniqueFd notify)
    : loop_(loop), config_(config), notify_(std::move(notify)) {
  loop_.Watch(notify_.get(), EPOLLIN, [this](uint32_t) { OnNotify(); });
  timer_ = loop_.After(kBootPatience, [this] {
    std::fputs("systemd has not said that it is up; sessions begin now.\n", stderr);
    OnReady();
  });
}

void Systemd::OnNotify() {
  char text[4096];
  ssize_t size;
  while ((size = ::recv(notify_.get(), text, sizeof text, 0)) >= 0) {
    const std::string_view lines(text, static_cast<size_t>(size));
    if (lines.starts_with("READY=1") || lines.find("\nREADY=1") != std::string_view::npos) OnReady();
  }
}

void Systemd::OnReady() {
  if (std::exchange(ready_, true)) return;
  loop_.Cancel(timer_);
  for (auto& [uid, manager] : users_) StartUserManager(uid, manager);
}

void Systemd::WhenReadyFor(uid_t uid, std::function<void()> call) {
  const auto [entry, added] = users_.try_emplace(uid);
  UserManager& manager = entry->second;
  if (!added && ready_ && manager.starter == 0) return call();
  manager.waiting.push_back(std::move(call));
  if (added && ready_) StartUserManager(uid, manager);
}

void Systemd::StartUserManager(uid_t uid, UserManager& manager) {
  proto::SessionStart start;
  start.set_user("0");
  start.set_folder("/");
  start.set_shell(proto::SHELL_NONE);
  for (const std::string& word :
       {std::string("systemctl"), std::string("start"), "user@" + std::to_string(uid) + ".service"}) {
    start.add_argv(word);
  }
  const auto plan = PlanSession(config_, WslConf(), start);
  const auto* session = std::get_if<PlannedSession>(&plan);
  const pid_t pid = session == nullptr ? -1 : LaunchInBackground(session->launch);
  if (pid < 0) return OnStarted(manager);
  manager.starter = pid;
  manager.timer = loop_.After(kUserPatience, [this, &manager] { OnStarted(manager); });
}

void Systemd::OnExit(pid_t pid) {
  const auto found =
      std::find_if(users_.begin(), users_.end(), [&](const auto& user) { return user.second.starter == pid; });
  if (found != users_.end()) OnStarted(found->second);
}

void Systemd::OnStarted(UserManager& manager) {
  manager.starter = 0;
  loop_.Cancel(manager.timer);
  for (const auto& call : std::exchange(manager.waiting, {})) call();
}

void Systemd::PowerOff() {
  stopping_ = true;
  ::kill(1, SIGRTMIN + 4);
  // The kernel drops it while systemd, the namespace's first process, has no handler for it yet. systemd itself does
  // nothing more when it is asked again.
  loop_.Cancel(power_off_timer_);
  power_off_timer_ = loop_.After(kAskAgain, [this] { PowerOff(); });
}

}  // namespace wslm::init
