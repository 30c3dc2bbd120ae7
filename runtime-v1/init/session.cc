#include "runtime-v1/init/session.h"

#include <sys/epoll.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <utility>

#include "runtime-v1/init/terminal.h"
#include "runtime-v1/init/text.h"

namespace wslm::init {
namespace {

// The end-of-file character of a terminal with usual settings, for when its settings can't be read.
constexpr char kEndOfTransmission = 4;

char EndOfFileCharacter(int terminal) {
  termios settings;
  if (::tcgetattr(terminal, &settings) < 0 || settings.c_cc[VEOF] == 0) return kEndOfTransmission;
  return static_cast<char>(settings.c_cc[VEOF]);
}

}  // namespace

Session::Session(EventLoop& loop, const SessionTimes& times, const proto::SessionStart& start, PlannedSession plan,
                 std::function<void(Session&)> forget)
    : loop_(loop),
      times_(times),
      id_(start.session_id()),
      plan_(std::move(plan)),
      forget_(std::move(forget)),
      start_time_(std::chrono::system_clock::now()),
      detached_(start.detached()),
      warnings_(plan_.warnings) {}

Session::~Session() {
  loop_.Cancel(clock_);
  loop_.Cancel(grace_);
  ForgetDescriptors();
}

std::optional<proto::StreamEnd> Session::Start(std::shared_ptr<HostStream> stream) {
  if (std::optional<proto::StreamEnd> failure = Launch(plan_.launch, launched_)) return failure;
  stream_ = std::move(stream);
  MakeOutlets();
  loop_.Watch(launched_.report.get(), EPOLLIN, [this](uint32_t) { OnReport(); });
  return std::nullopt;
}

void Session::MakeOutlets() {
  const LaunchPlan& plan = plan_.launch;
  if (launched_.terminal) {
    const Outlet::Target target = plan.stdout_terminal   ? Outlet::Target::kStdout
                                  : plan.stderr_terminal ? Outlet::Target::kStderr
                                                         : Outlet::Target::kNowhere;
    outlets_.emplace_back(launched_.terminal.get(), target);
  }
  if (launched_.stdout) outlets_.emplace_back(launched_.stdout.get(), Outlet::Target::kStdout);
  if (launched_.stderr) outlets_.emplace_back(launched_.stderr.get(), Outlet::Target::kStderr);
}

std::vector<int> Session::Descriptors() const {
  std::vector<int> descriptors;
  for (const UniqueFd* fd : {&launched_.terminal, &launched_.stdin, &launched_.stdout, &launched_.stderr}) {
    if (*fd) descriptors.push_back(fd->get());
  }
  return descriptors;
}

void Session::OnReport() {
  const std::shared_ptr<Session> self = shared_from_this();
  LaunchReport report;
  while (true) {
    const ssize_t got = ::read(launched_.report.get(), &report, sizeof(report));
    if (got < 0) return;
    if (got == 0) break;
    switch (report.kind) {
      case LaunchReport::kHostFolder:
        warnings_.push_back("The folder " + plan_.launch.host_folder_shown +
                            " cannot be entered inside the distro (" + std::strerror(report.error) +
                            "): starting in the home folder.");
        break;
      case LaunchReport::kHome:
        warnings_.push_back("The home folder " + Escaped(plan_.launch.user.home) + " cannot be entered (" +
                            std::strerror(report.error) + "): starting in /.");
        break;
      default:
        return Refuse(report);
    }
  }
  loop_.Forget(launched_.report.get());
  launched_.report.Reset();
  started_ = true;
  if (stream_) {
    proto::GuestMessage message;
    message.mutable_started()->set_pid(launched_.pid);
    for (const std::string& warning : warnings_) message.mutable_started()->add_warnings(warning);
    stream_->SendFree(message);
  }
  for (const int fd : Descriptors()) {
    loop_.Watch(fd, 0, [this, fd](uint32_t events) { OnEvents(fd, events); });
  }
  RestartClock();
  Advance();
}

void Session::Refuse(const LaunchReport& report) {
  const LaunchPlan& plan = plan_.launch;
  const std::string why = std::string(": ") + std::strerror(report.error) + ".";
  proto::StreamEnd end;
  switch (report.kind) {
    case LaunchReport::kFolder:
      end = Failure(Code::kInvalidArgument, "INVALID_ARGUMENT",
                    "The folder '" + Escaped(plan.folder) + "' cannot be entered inside the distro" + why);
      break;
    case LaunchReport::kUser:
      end = Failure(Code::kInternal, "START_FAILED", "Cannot become the user '" + Escaped(plan.user.name) + "'" + why);
      break;
    default:
      end = Failure(Code::kInternal, "START_FAILED", "Cannot take the session's terminal" + why);
  }
  if (stream_) std::exchange(stream_, nullptr)->End(end);
  forget_(*this);
}

void Session::Attach(const proto::SessionAttach& request, std::shared_ptr<HostStream> stream) {
  const std::shared_ptr<Session> self = shared_from_this();
  if (stream_) stream_->End(Failure(Code::kAborted, "", "Another client has attached to the session."));
  stream_ = std::move(stream);
  stdin_.ForgetCosts();
  proto::GuestMessage message;
  proto::SessionAttached& attached = *message.mutable_attached();
  attached.set_stdin_offset(stdin_.taken());
  for (Outlet& outlet : outlets_) {
    if (outlet.target() == Outlet::Target::kStdout) attached.set_stdout_offset(outlet.Attach(request.stdout_offset()));
    if (outlet.target() == Outlet::Target::kStderr) attached.set_stderr_offset(outlet.Attach(request.stderr_offset()));
  }
  stream_->SendFree(message);
  if (launched_.terminal && request.has_window()) ResizeTerminal(launched_.terminal.get(), request.window());
  RestartClock();
  Advance();
}

void Session::OnGone() {
  const std::shared_ptr<Session> self = shared_from_this();
  if (!stream_) return;
  for (Outlet& outlet : outlets_) outlet.Detach(*stream_);
  stream_.reset();
  stdin_.ForgetCosts();
  RestartClock();
  Advance();
}

void Session::OnMessage(const proto::HostMessage& message, size_t cost) {
  const std::shared_ptr<Session> self = shared_from_this();
  switch (message.message_case()) {
    case proto::HostMessage::kStdin:
      // After its end there is no more of it.
      if (stdin_eof_) {
        if (stream_) stream_->GiveCredit(cost);
      } else {
        stdin_.Take(message.stdin(), cost);
      }
      break;
    case proto::HostMessage::kEof:
      if (message.eof() && !stdin_eof_) {
        stdin_eof_ = true;
        if (plan_.launch.stdin_terminal && launched_.terminal) {
          const char end = EndOfFileCharacter(launched_.terminal.get());
          stdin_.TakeOwn(std::string_view(&end, 1));
        }
      }
      break;
    case proto::HostMessage::kResize:
      if (launched_.terminal) ResizeTerminal(launched_.terminal.get(), message.resize());
      break;
    case proto::HostMessage::kSignal:
      Signal(message.signal());
      break;
    case proto::HostMessage::MESSAGE_NOT_SET:
      break;
  }
  Advance();
}

void Session::OnEvents(int fd, uint32_t events) {
  const std::shared_ptr<Session> self = shared_from_this();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
    for (Outlet& outlet : outlets_) {
      if (outlet.source() == fd) outlet.Read(stream_.get(), detached_);
    }
  }
  Advance();
}

void Session::OnExit(int wait_status) {
  const std::shared_ptr<Session> self = shared_from_this();
  wait_status_ = wait_status;
  // Others may hold the streams open for as long as they like: what they write after the grace is theirs alone.
  grace_ = loop_.After(times_.grace, [this] {
    const std::shared_ptr<Session> self = shared_from_this();
    grace_ = 0;
    for (Outlet& outlet : outlets_) outlet.CloseWhenDrained();
    Advance();
  });
  RestartClock();
  Advance();
}

void Session::Signal(int number) {
  if (!running() || number <= 0 || number >= NSIG) return;
  const pid_t foreground = launched_.terminal ? ::tcgetpgrp(launched_.terminal.get()) : -1;
  const pid_t group = foreground > 0 ? foreground : launched_.pid;
  // Before its setsid the child has no group of its own.
  if (::kill(-group, number) < 0) ::kill(launched_.pid, number);
}

void Session::HangUp() {
  ForgetDescriptors();
  for (Outlet& outlet : outlets_) outlet.Close();
  stdin_.Break();
  // The kernel signals a hung-up terminal's foreground group; the rest, and sessions without a terminal, get it here.
  launched_.terminal.Reset();
  launched_.stdin.Reset();
  launched_.stdout.Reset();
  launched_.stderr.Reset();
  SignalLeader(SIGHUP);
  SignalLeader(SIGCONT);
}

void Session::SignalLeader(int number) {
  if (running() && launched_.pid > 0) ::kill(-launched_.pid, number);
}

void Session::SetDetached() {
  detached_ = true;
  RestartClock();
  Advance();
}

proto::SessionInfo Session::Info() const {
  proto::SessionInfo info;
  info.set_session_id(id_);
  info.set_pid(launched_.pid);
  info.set_user(Escaped(plan_.launch.user.name));
  info.set_command(plan_.shown);
  info.set_has_terminal(plan_.launch.terminal());
  info.set_attached(attached());
  info.set_detached(detached_);
  info.set_start_time_ns(std::chrono::duration_cast<std::chrono::nanoseconds>(start_time_.time_since_epoch()).count());
  return info;
}

void Session::AdvanceStdin() {
  // A command that has ended reads no more.
  const int fd = running() ? StdinDescriptor() : -1;
  const size_t free = fd < 0 ? stdin_.Break() : stdin_.WriteTo(fd);
  if (stream_ && free > 0) stream_->GiveCredit(free);
  const bool finished = stdin_.broken() || (stdin_eof_ && stdin_.empty());
  if (finished && launched_.stdin) {
    loop_.Forget(launched_.stdin.get());
    launched_.stdin.Reset();
  }
}

void Session::CloseSources() {
  for (UniqueFd* fd : {&launched_.terminal, &launched_.stdout, &launched_.stderr}) {
    const bool is_read = std::any_of(outlets_.begin(), outlets_.end(), [&](const Outlet& outlet) {
      return !outlet.closed() && outlet.source() == fd->get();
    });
    // A terminal is written to as long as the command runs; then it is hung up for those whom the command left behind.
    if (!*fd || is_read || (fd == &launched_.terminal && running())) continue;
    loop_.Forget(fd->get());
    fd->Reset();
  }
}

void Session::TellEnd() {
  const bool all_sent = std::all_of(outlets_.begin(), outlets_.end(),
                                    [](const Outlet& outlet) { return outlet.closed() && outlet.sent_all(); });
  if (running() || !all_sent || !stream_) return;
  proto::GuestMessage message;
  proto::SessionExited& exited = *message.mutable_exited();
  if (WIFSIGNALED(*wait_status_)) {
    exited.set_signal(WTERMSIG(*wait_status_));
  } else {
    exited.set_code(WEXITSTATUS(*wait_status_));
  }
  stream_->SendFree(message);
  std::exchange(stream_, nullptr)->End({});
  RestartClock();
}

void Session::WatchDescriptors() {
  const bool wants_write = running() && !stdin_.empty();
  for (const int fd : Descriptors()) {
    uint32_t events = 0;
    if (wants_write && fd == StdinDescriptor()) events |= EPOLLOUT;
    for (const Outlet& outlet : outlets_) {
      if (outlet.source() == fd && outlet.WantsRead(stream_.get(), detached_)) events |= EPOLLIN;
    }
    loop_.Change(fd, events);
  }
}

void Session::ForgetDescriptors() {
  if (launched_.report) loop_.Forget(launched_.report.get());
  for (const int fd : Descriptors()) loop_.Forget(fd);
}

void Session::Advance() {
  if (!started_) return;
  AdvanceStdin();
  if (stream_) {
    for (Outlet& outlet : outlets_) outlet.Send(*stream_);
  }
  CloseSources();
  TellEnd();
  WatchDescriptors();
}

void Session::RestartClock() {
  loop_.Cancel(std::exchange(clock_, 0));
  if (attached() || (running() && detached_)) return;
  clock_ = loop_.After(running() ? times_.unattended : times_.ended, [this] { OnClock(); });
}

void Session::OnClock() {
  const std::shared_ptr<Session> self = shared_from_this();
  clock_ = 0;
  HangUp();
  forget_(*this);
}

}  // namespace wslm::init
