#include "cli/operations/download.h"

#include <utility>

#include "cli/api/rpc_status.h"
#include "cli/operations/sha256.h"
#include "cli/output/write_all.h"
#include "distros/host/error.h"

namespace wslm::cli {
namespace {

absl::Status NotWhole(std::string_view sentence) {
  return Error(absl::StatusCode::kDataLoss, reason::kVerificationFailed, sentence);
}

}  // namespace

Download::Download(std::shared_ptr<grpc::Channel> channel, std::string id, int fd)
    : id_(std::move(id)), stub_(std::move(channel)), thread_([this, fd] { Loop(fd); }) {}

Download::~Download() {
  context_.TryCancel();
  thread_.join();
}

absl::Status Download::Wait() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&ended_));
  return status_;
}

bool Download::failed_to_write() const { return write_errno() != 0; }

int Download::write_errno() const {
  absl::MutexLock lock(&mutex_);
  return write_errno_;
}

void Download::Loop(int fd) {
  absl::Status status = Transfer(fd);
  absl::MutexLock lock(&mutex_);
  status_ = std::move(status);
  ended_ = true;
}

absl::Status Download::Transfer(int fd) {
  v1::DownloadRequest request;
  request.set_download_id(id_);
  auto stream = stub_.Download(&context_, request);
  Sha256 sha256;
  int64_t size = 0;
  bool complete = false;
  v1::DownloadEnd end;
  v1::DownloadResponse response;
  while (stream->Read(&response)) {
    if (response.has_end()) {
      end = response.end();
      complete = true;
      continue;
    }
    if (const int error = WriteAll(fd, response.data()); error != 0) {
      {
        absl::MutexLock lock(&mutex_);
        write_errno_ = error;
      }
      context_.TryCancel();
      stream->Finish();
      return ErrnoError("cannot write to", "standard output", error);
    }
    sha256.Add(response.data());
    size += static_cast<int64_t>(response.data().size());
  }
  const grpc::Status status = stream->Finish();
  if (!status.ok()) return FromRpc(status);
  if (!complete) return NotWhole("The archive ended early; what was written is of no use.");
  if (end.size() != size || end.sha256() != sha256.Finish()) {
    return NotWhole("The archive was damaged on the way; what was written is of no use.");
  }
  return absl::OkStatus();
}

}  // namespace wslm::cli
