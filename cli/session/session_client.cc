#include "cli/session/session_client.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli/api/rpc_status.h"
#include "cli/exit_codes.h"
#include "cli/output/write_all.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "grpcpp/client_context.h"
#include "wslm/v1/session.grpc.pb.h"

namespace wslm::cli {
namespace {

constexpr absl::Duration kAnnounceStart = absl::Milliseconds(250);
constexpr absl::Duration kAnnounceLoss = absl::Seconds(2);
constexpr absl::Duration kReattachPatience = absl::Seconds(30);
constexpr absl::Duration kReattachRetry = absl::Milliseconds(100);
constexpr absl::Duration kInterruptsWithin = absl::Seconds(2);
constexpr absl::Duration kUnheardPatience = absl::Seconds(1);

RawTerminal::Sharing SharingOf(const SessionStreams& streams) {
  if (isatty(streams.out) != 0) return RawTerminal::Sharing::kAlone;
  struct stat status;
  const bool to_program = fstat(streams.out, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
  return to_program ? RawTerminal::Sharing::kUntouched : RawTerminal::Sharing::kWithWriters;
}

int ExitCode(const v1::Exited& exited) {
  return exited.has_signal() ? kExitSignalBase + exited.signal() : exited.code();
}

}  // namespace

SessionClient::SessionClient(Client& client, Console& console, SignalFd& signals, SessionStreams streams,
                             std::string distro_name)
    : client_(client),
      console_(console),
      signals_(signals),
      streams_(streams),
      distro_name_(std::move(distro_name)),
      begin_(absl::Now()) {}

SessionClient::~SessionClient() {
  if (reader_.joinable()) reader_.join();
}

absl::StatusOr<int> SessionClient::Run(const v1::Start& start) {
  start_ = start;
  has_terminal_ = start.stdin_terminal() || start.stdout_terminal() || start.stderr_terminal();
  if (start.stdin_terminal() && isatty(streams_.in) != 0) {
    terminal_ = std::make_shared<RawTerminal>(streams_.in, SharingOf(streams_));
  }
  pump_ = InputPump::Make(streams_.in, terminal_);
  ASSIGN_OR_RETURN(channel_, client_.Channel());
  reader_ = std::thread([this, stream = OpenExec(channel_, start)] { ReadLoop(stream); });
  std::optional<int> code;
  State state = GetState();
  while (!state.ended && !code.has_value()) {
    std::array<pollfd, 2> fds = {{{signals_.fd(), POLLIN, 0}, {changed_.fd(), POLLIN, 0}}};
    poll(fds.data(), fds.size(), PollTimeout(state));
    changed_.Clear();
    state = GetState();
    Announce(state);
    if (state.started) EnterRaw();
    code = HandleSignals();
    if (!code.has_value() && state.write_errno != 0) code = EndUnheard(state);
  }
  pump_->Close();
  LeaveRaw();
  console_.ClearTransient();
  if (code.has_value() && !state.ended) {
    // The reading thread may wait for the daemon, or for whoever reads our output, and this is no time to wait for it.
    _exit(*code);
  }
  reader_.join();
  if (state.write_errno == EPIPE) return kExitBrokenPipe;
  if (state.write_errno != 0) return ErrnoError("cannot write to", "the output", state.write_errno);
  if (!state.error.ok()) return state.error;
  return ExitCode(state.exited);
}

SessionClient::State SessionClient::GetState() {
  absl::MutexLock lock(&mutex_);
  return state_;
}

int SessionClient::PollTimeout(const State& state) const {
  const bool waits = !state.started || state.lost_since != absl::InfiniteFuture() || state.write_errno != 0;
  return waits ? 50 : -1;
}

// --- The reading thread.

void SessionClient::ReadLoop(std::shared_ptr<SessionStream> stream) {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      stream_ = stream;
    }
    if (ReadStream(*stream)) {
      stream->Finish();
      return End(absl::OkStatus());
    }
    const grpc::Status status = stream->Finish();
    pump_->Disconnect();
    if (status.error_code() == grpc::StatusCode::ABORTED) {
      return End(absl::AbortedError("Another client has taken the session over."));
    }
    if (!IsDaemonGone(status)) {
      return End(status.ok() ? absl::InternalError("The daemon closed the session without saying how it ended.")
                             : FromRpc(status));
    }
    if (attach_token_.empty()) return End(FromRpc(status));
    {
      absl::MutexLock lock(&mutex_);
      state_.lost_since = absl::Now();
    }
    changed_.Wake();
    absl::StatusOr<std::shared_ptr<SessionStream>> next = Reattach();
    if (!next.ok()) return End(next.status());
    stream = *std::move(next);
    {
      absl::MutexLock lock(&mutex_);
      state_.lost_since = absl::InfiniteFuture();
    }
    changed_.Wake();
  }
}

bool SessionClient::ReadStream(SessionStream& stream) {
  SessionOutput output;
  while (stream.Read(output)) {
    switch (output.kind) {
      case SessionOutput::Kind::kNote: {
        {
          absl::MutexLock lock(&mutex_);
          state_.note = output.bytes;
        }
        changed_.Wake();
        break;
      }
      case SessionOutput::Kind::kStarted: {
        std::shared_ptr<SessionStream> present;
        {
          absl::MutexLock lock(&mutex_);
          present = stream_;
        }
        Started(present, output.started);
        break;
      }
      case SessionOutput::Kind::kStdout:
        stdout_offset_ += static_cast<int64_t>(output.bytes.size());
        Write(streams_.out, output.bytes);
        break;
      case SessionOutput::Kind::kStderr:
        stderr_offset_ += static_cast<int64_t>(output.bytes.size());
        Write(streams_.err, output.bytes);
        break;
      case SessionOutput::Kind::kHint:
        // Never where a program would read it.
        if (console_.err_is_terminal()) console_.Note(absl::StrCat("wslm: ", Escaped(output.bytes)));
        break;
      case SessionOutput::Kind::kExited: {
        absl::MutexLock lock(&mutex_);
        state_.exited = output.exited;
        return true;
      }
      case SessionOutput::Kind::kAttached:
        break;
    }
  }
  return false;
}

void SessionClient::Started(const std::shared_ptr<SessionStream>& stream, const v1::Started& started) {
  attach_token_ = started.attach_token();
  {
    absl::MutexLock lock(&mutex_);
    state_.started = true;
    session_id_ = started.session_id();
  }
  console_.ClearTransient();
  for (const std::string& warning : started.warnings()) console_.Warn(Escaped(warning));
  changed_.Wake();
  pump_->Connect(stream, 0);
}

void SessionClient::Write(int fd, const std::string& bytes) {
  {
    absl::MutexLock lock(&mutex_);
    if (state_.write_errno != 0) return;
  }
  const int error = WriteAll(fd, bytes);
  if (error == 0) return;
  {
    absl::MutexLock lock(&mutex_);
    state_.write_errno = error;
  }
  changed_.Wake();
}

absl::StatusOr<std::shared_ptr<SessionStream>> SessionClient::Reattach() {
  const absl::Time deadline = absl::Now() + kReattachPatience;
  v1::Attach attach;
  {
    absl::MutexLock lock(&mutex_);
    attach.set_session_id(session_id_);
  }
  attach.set_attach_token(attach_token_);
  attach.set_stdout_offset(stdout_offset_);
  attach.set_stderr_offset(stderr_offset_);
  attach.set_wants_hints(start_.wants_hints());
  if (has_terminal_) *attach.mutable_terminal_size() = SizeOfTerminal({streams_.out, streams_.in, streams_.err});
  while (true) {
    client_.Reset(channel_);
    absl::Status error;
    if (absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = client_.Channel(); channel.ok()) {
      channel_ = *channel;
      std::shared_ptr<SessionStream> stream = OpenAttach(channel_, attach);
      SessionOutput output;
      const grpc::Status status = ReadFirst(*stream, SessionOutput::Kind::kAttached, output);
      if (status.ok()) {
        RETURN_IF_ERROR(Resume(stream, output.attached));
        return stream;
      }
      error = FromRpc(status);
      if (!IsDaemonGone(status)) return WithContext(error, "The daemon was restarted and the session is lost");
    } else {
      error = channel.status();
    }
    if (absl::Now() > deadline) return error;
    absl::SleepFor(kReattachRetry);
  }
}

absl::Status SessionClient::Resume(const std::shared_ptr<SessionStream>& stream, const v1::Attached& attached) {
  const int64_t lost = attached.stdout_offset() - stdout_offset_ + attached.stderr_offset() - stderr_offset_;
  if (lost > 0) console_.Warn(absl::StrCat("the daemon was restarted; ", lost, " bytes of output are lost."));
  stdout_offset_ = attached.stdout_offset();
  stderr_offset_ = attached.stderr_offset();
  if (pump_->Connect(stream, attached.stdin_offset())) return absl::OkStatus();
  stream->Cancel();
  stream->Finish();
  return absl::DataLossError(
      "The daemon was restarted, and input that was on its way is lost; the command goes on without "
      "this client for 30 s.");
}

void SessionClient::End(const absl::Status& error) {
  pump_->Disconnect();
  {
    absl::MutexLock lock(&mutex_);
    state_.ended = true;
    state_.error = error;
    stream_ = nullptr;
  }
  changed_.Wake();
}

// --- The waiting thread.

void SessionClient::Announce(const State& state) {
  if (!state.started && !state.ended && announced_ != state.note && absl::Now() - begin_ > kAnnounceStart) {
    announced_ = state.note;
    const std::string line =
        absl::StrCat("Starting ", Escaped(distro_name_), state.note.empty() ? "" : ": ", Escaped(state.note), "...");
    absl::MutexLock lock(&mutex_);
    // Under the lock: once it is started the line would stay.
    if (state_.started || !console_.err_is_terminal()) return;
    if (console_.can_redraw()) {
      console_.ShowTransient(line);
    } else {
      console_.Note(line);
    }
  }
  if (state.lost_since == absl::InfiniteFuture()) {
    if (lost_announced_) console_.Note("wslm: attached again.");
    lost_announced_ = false;
  } else if (!lost_announced_ && absl::Now() - state.lost_since > kAnnounceLoss) {
    lost_announced_ = true;
    console_.Note("wslm: the connection to the daemon was lost; attaching again.");
  }
}

void SessionClient::EnterRaw() {
  if (terminal_ == nullptr || terminal_->is_raw()) return;
  terminal_->Enter();
  if (!terminal_->is_raw()) return;
  console_.set_raw(true);
  pump_->Recheck();
}

void SessionClient::LeaveRaw() {
  if (terminal_ == nullptr) return;
  terminal_->Restore();
  console_.set_raw(false);
}

void SessionClient::SendSignal(int signal) {
  v1::SignalSessionRequest request;
  {
    absl::MutexLock lock(&mutex_);
    request.set_session_id(session_id_);
  }
  request.set_signal(signal);
  // Beside the stream, where it would wait behind input that the command does not read.
  const absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = client_.Channel();
  if (!channel.ok()) return;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(2));
  v1::SignalSessionResponse response;
  // A session that has just ended takes none; that is no error.
  v1::SessionService::Stub(*channel).SignalSession(&context, request, &response);
}

std::optional<int> SessionClient::HandleSignals() {
  while (const std::optional<int> signal = signals_.Next()) {
    if (const std::optional<int> code = HandleSignal(*signal)) return code;
  }
  return std::nullopt;
}

std::optional<int> SessionClient::HandleSignal(int signal) {
  const bool started = GetState().started;
  switch (signal) {
    case SIGWINCH:
      if (has_terminal_) pump_->Resize(SizeOfTerminal({streams_.out, streams_.in, streams_.err}));
      return std::nullopt;
    case SIGCONT:
      if (started) EnterRaw();
      pump_->Recheck();
      return std::nullopt;
    case SIGTSTP:
      Suspend();
      return std::nullopt;
    case SIGINT:
    case SIGQUIT:
      if (!started) return kExitSignalBase + signal;
      if (signal == SIGINT) {
        if (const std::optional<int> code = Interrupted()) return code;
      }
      SendSignal(signal);
      return std::nullopt;
    default:
      if (!started) return kExitSignalBase + signal;
      // Of a terminal that closes, the session must hear.
      SendSignal(has_terminal_ ? SIGHUP : signal);
      if (has_terminal_) return kExitSignalBase + signal;
      return std::nullopt;
  }
}

std::optional<int> SessionClient::Interrupted() {
  const absl::Time now = absl::Now();
  const bool third = now - interrupts_[0] < kInterruptsWithin;
  interrupts_[0] = interrupts_[1];
  interrupts_[1] = now;
  if (third) return kExitSignalBase + SIGINT;
  return std::nullopt;
}

std::optional<int> SessionClient::EndUnheard(const State& state) {
  const absl::Time now = absl::Now();
  if (now < unheard_next_) return std::nullopt;
  unheard_next_ = now + kUnheardPatience;
  switch (unheard_steps_++) {
    case 0:
      SendSignal(state.write_errno == EPIPE ? SIGPIPE : SIGTERM);
      return std::nullopt;
    case 1:
      SendSignal(SIGHUP);
      return std::nullopt;
    case 2:
      SendSignal(SIGKILL);
      return std::nullopt;
    default:
      return state.write_errno == EPIPE ? kExitBrokenPipe : kExitOwnFailure;
  }
}

void SessionClient::Suspend() {
  LeaveRaw();
  // What SIGTSTP would have done. Goes on behind it after SIGCONT.
  kill(getpid(), SIGSTOP);
  if (GetState().started) EnterRaw();
  if (has_terminal_) pump_->Resize(SizeOfTerminal({streams_.out, streams_.in, streams_.err}));
  pump_->Recheck();
}

}  // namespace wslm::cli
