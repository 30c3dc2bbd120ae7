#include "cli/session/session_stream.h"

#include <utility>

#include "grpcpp/client_context.h"
#include "wslm/v1/session.grpc.pb.h"

namespace wslm::cli {
namespace {

template <typename Request, typename Response>
class StreamOf : public SessionStream {
 public:
  explicit StreamOf(std::shared_ptr<grpc::Channel> channel) : stub_(std::move(channel)) {}

  // A first request that can't be sent shows in Finish.
  void Open(std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream, const Request& first) {
    stream_ = std::move(stream);
    stream_->Write(first);
  }
  v1::SessionService::Stub& stub() { return stub_; }
  grpc::ClientContext* context() { return &context_; }

  bool WriteStdin(const std::string& bytes) override {
    stdin_.set_stdin(bytes);
    return stream_->Write(stdin_);
  }

  bool WriteEof() override {
    Request request;
    request.set_eof(true);
    return stream_->Write(request);
  }

  bool WriteResize(const v1::TerminalSize& size) override {
    Request request;
    *request.mutable_resize() = size;
    return stream_->Write(request);
  }

  bool Read(SessionOutput& output) override {
    do {
      if (!stream_->Read(&response_)) return false;
    } while (!Take(output));
    return true;
  }

  grpc::Status Finish() override { return stream_->Finish(); }
  void Cancel() override { context_.TryCancel(); }

 private:
  // False for an answer of a kind that this client doesn't know.
  bool Take(SessionOutput& output) {
    if (response_.has_stdout()) {
      output.kind = SessionOutput::Kind::kStdout;
      output.bytes.swap(*response_.mutable_stdout());
    } else if (response_.has_stderr()) {
      output.kind = SessionOutput::Kind::kStderr;
      output.bytes.swap(*response_.mutable_stderr());
    } else if (response_.has_hint()) {
      output.kind = SessionOutput::Kind::kHint;
      output.bytes.swap(*response_.mutable_hint());
    } else if (response_.has_exited()) {
      output.kind = SessionOutput::Kind::kExited;
      output.exited = response_.exited();
    } else {
      return TakeFirst(response_, output);
    }
    return true;
  }

  static bool TakeFirst(const v1::ExecResponse& response, SessionOutput& output) {
    if (response.has_note()) {
      output.kind = SessionOutput::Kind::kNote;
      output.bytes = response.note();
      return true;
    }
    output.kind = SessionOutput::Kind::kStarted;
    output.started = response.started();
    return response.has_started();
  }

  static bool TakeFirst(const v1::AttachResponse& response, SessionOutput& output) {
    output.kind = SessionOutput::Kind::kAttached;
    output.attached = response.attached();
    return response.has_attached();
  }

  v1::SessionService::Stub stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream_;
  Request stdin_;      // Of the writing thread.
  Response response_;  // Of the reading thread.
};

}  // namespace

grpc::Status ReadFirst(SessionStream& stream, SessionOutput::Kind kind, SessionOutput& output) {
  bool answered = stream.Read(output);
  while (answered && output.kind == SessionOutput::Kind::kNote) answered = stream.Read(output);
  if (answered && output.kind == kind) return grpc::Status::OK;
  // Only a stream that goes on: cancelling one that has ended would hide why it did.
  if (answered) stream.Cancel();
  grpc::Status status = stream.Finish();
  if (!answered && !status.ok()) return status;
  return grpc::Status(grpc::StatusCode::INTERNAL, "The daemon did not answer as it should when the session began.");
}

std::shared_ptr<SessionStream> OpenExec(std::shared_ptr<grpc::Channel> channel, const v1::Start& start) {
  auto stream = std::make_shared<StreamOf<v1::ExecRequest, v1::ExecResponse>>(std::move(channel));
  v1::ExecRequest first;
  *first.mutable_start() = start;
  stream->Open(stream->stub().Exec(stream->context()), first);
  return stream;
}

std::shared_ptr<SessionStream> OpenAttach(std::shared_ptr<grpc::Channel> channel, const v1::Attach& attach) {
  auto stream = std::make_shared<StreamOf<v1::AttachRequest, v1::AttachResponse>>(std::move(channel));
  v1::AttachRequest first;
  *first.mutable_attach() = attach;
  stream->Open(stream->stub().Attach(stream->context()), first);
  return stream;
}

}  // namespace wslm::cli
