// One Exec or Attach call as the client sees it: alike but for the first request and answer.
#ifndef WSLM_CLI_SESSION_SESSION_STREAM_H_
#define WSLM_CLI_SESSION_SESSION_STREAM_H_

#include <memory>
#include <string>

#include "grpcpp/channel.h"
#include "grpcpp/support/status.h"
#include "wslm/v1/session.pb.h"

namespace wslm::cli {

// What came from the session.
struct SessionOutput {
  enum class Kind { kNote, kStarted, kAttached, kStdout, kStderr, kHint, kExited };
  Kind kind = Kind::kStdout;
  std::string bytes;
  v1::Started started;
  v1::Attached attached;
  v1::Exited exited;
};

// One thread may write while another reads. Destroy after Finish.
class SessionStream {
 public:
  virtual ~SessionStream() = default;

  // They block as long as the session takes no more; false when the stream is broken.
  virtual bool WriteStdin(const std::string& bytes) = 0;
  virtual bool WriteEof() = 0;
  virtual bool WriteResize(const v1::TerminalSize& size) = 0;

  // Blocks for the next answer; false at the end of the stream.
  virtual bool Read(SessionOutput& output) = 0;
  // Why it ended. Once, after Read answered false.
  virtual grpc::Status Finish() = 0;
  // Ends it from any thread.
  virtual void Cancel() = 0;
};

// Reads the first answer, which must be of `kind`. When it is not, the stream is finished, and the error is the one
// that the daemon gave.
grpc::Status ReadFirst(SessionStream& stream, SessionOutput::Kind kind, SessionOutput& output);

std::shared_ptr<SessionStream> OpenExec(std::shared_ptr<grpc::Channel> channel, const v1::Start& start);
std::shared_ptr<SessionStream> OpenAttach(std::shared_ptr<grpc::Channel> channel, const v1::Attach& attach);

}  // namespace wslm::cli

#endif  // WSLM_CLI_SESSION_SESSION_STREAM_H_
