#include "cli/operations/upload.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "cli/api/rpc_status.h"
#include "distros/host/error.h"

namespace wslm::cli {
namespace {

constexpr size_t kChunk = 256 << 10;

}  // namespace

absl::StatusOr<std::unique_ptr<Upload>> Upload::Begin(std::shared_ptr<grpc::Channel> channel, std::string id,
                                                      int64_t size) {
  std::unique_ptr<Upload> upload(new Upload(std::move(channel), std::move(id)));
  upload->stream_ = upload->stub_.Upload(&upload->context_);
  v1::UploadRequest request;
  request.mutable_header()->set_upload_id(upload->id_);
  request.mutable_header()->set_size(size);
  v1::UploadResponse response;
  if (!upload->stream_->Write(request) || !upload->stream_->Read(&response)) {
    const grpc::Status status = upload->stream_->Finish();
    upload->stream_ = nullptr;
    if (status.ok()) return absl::InternalError("The daemon closed the upload before it began.");
    return FromRpc(status);
  }
  return upload;
}

Upload::~Upload() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  stop_.Wake();
  // Of no effect on a call that has ended.
  context_.TryCancel();
  if (sender_.joinable()) sender_.join();
  if (receiver_.joinable()) receiver_.join();
  if (stream_ != nullptr) stream_->Finish();
}

void Upload::Send(int fd) {
  sender_ = std::thread([this, fd] { SendLoop(fd); });
  // The answers would fill the stream's window some day.
  receiver_ = std::thread([this] {
    v1::UploadResponse response;
    while (stream_->Read(&response)) {
    }
    // The daemon takes no more.
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    stop_.Wake();
  });
}

absl::Status Upload::read_status() const {
  absl::MutexLock lock(&mutex_);
  return read_status_;
}

absl::StatusOr<size_t> Upload::Read(int fd, std::string& buffer) {
  while (true) {
    std::array<pollfd, 2> fds = {{{fd, POLLIN, 0}, {stop_.fd(), POLLIN, 0}}};
    poll(fds.data(), fds.size(), -1);
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return 0;
    }
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR && errno != EAGAIN) return ErrnoError("cannot read", "standard input");
  }
}

void Upload::SendLoop(int fd) {
  int64_t offset = 0;
  v1::UploadRequest request;
  while (true) {
    std::string& buffer = *request.mutable_chunk()->mutable_data();
    buffer.resize(kChunk);
    const absl::StatusOr<size_t> size = Read(fd, buffer);
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      read_status_ = size.status();
    }
    if (!size.ok()) return context_.TryCancel();
    if (*size == 0) break;
    buffer.resize(*size);
    request.mutable_chunk()->set_offset(offset);
    if (!stream_->Write(request)) return;
    offset += static_cast<int64_t>(*size);
  }
  request.mutable_finish()->set_size(offset);
  stream_->Write(request);
  stream_->WritesDone();
}

}  // namespace wslm::cli
