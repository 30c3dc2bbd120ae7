#include "daemon/services/transfer_service.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/server/status.h"
#include "daemon/services/watch_reactor.h"
#include "distros/host/error.h"
#include "distros/host/invalid.h"

namespace wslm::daemon {
namespace {

constexpr size_t kMaxChunk = 1 << 20;
constexpr int64_t kAcknowledgeEvery = 4 << 20;

// Reads an upload into its pipe, no faster than the import takes it.
class UploadReactor : public grpc::ServerBidiReactor<v1::UploadRequest, v1::UploadResponse>,
                      public std::enable_shared_from_this<UploadReactor> {
 public:
  explicit UploadReactor(TransferRegistry& transfers) : transfers_(transfers) {}

  void Begin() {
    std::lock_guard lock(mutex_);
    self_ = shared_from_this();
    StartRead(&request_);
  }

  // gRPC calls these on threads of its own, never within Start… or Finish, which may therefore be called with the lock.
  void OnReadDone(bool ok) override {
    std::lock_guard lock(mutex_);
    if (finished_) return;
    if (!ok) {
      if (!complete_)
        Fail(Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
                   "The upload ended early: who sent it went away, or what was sent could not be read to its end. "
                   "Import again."));
      return;
    }
    if (pipe_ == nullptr) {
      BeginUpload();
    } else if (request_.has_chunk()) {
      TakeChunk(request_.chunk());
    } else if (request_.has_finish() && request_.finish().size() == taken_) {
      complete_ = true;
      pipe_->CloseWriter(absl::OkStatus());
      Acknowledge();
    } else {
      Fail(Invalid("request", request_.has_finish() ? absl::StrCat("The upload ends at ", request_.finish().size(),
                                                                   ", but ", taken_, " bytes came.")
                                                    : "After the header only chunks and one finish may come."));
    }
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    writing_ = false;
    if (finished_) {
      FinishNow();
    } else if (!ok) {
      Fail(Error(absl::StatusCode::kDataLoss, reason::kCorruptSource, "The upload's client went away."));
    } else if (complete_ && acknowledged_ == taken_) {
      finished_ = true;
      FinishNow();
    } else if (complete_ || taken_ - acknowledged_ >= kAcknowledgeEvery) {
      Acknowledge();
    }
  }

  void OnCancel() override {
    std::lock_guard lock(mutex_);
    if (!finished_) Fail(Error(absl::StatusCode::kDataLoss, reason::kCorruptSource, "The upload's client went away."));
  }

  void OnDone() override {
    if (pipe_ != nullptr) pipe_->OnRoom(nullptr);
    // May destroy this.
    auto self = std::move(self_);
  }

 private:
  // All with the lock held.
  void BeginUpload() {
    if (!request_.has_header() || request_.header().size() < 0) {
      Fail(Invalid("request", "The first request must be the header."));
      return;
    }
    const auto upload = transfers_.BeginUpload(request_.header().upload_id(), request_.header().size());
    if (!upload.ok()) {
      Fail(upload.status());
      return;
    }
    pipe_ = upload->pipe;
    pipe_->OnRoom([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->OnRoom();
    });
    Acknowledge();
    StartRead(&request_);
  }

  void TakeChunk(const v1::UploadChunk& chunk) {
    if (chunk.offset() != taken_ || chunk.data().size() > kMaxChunk) {
      Fail(Invalid("request", absl::StrCat("A chunk at ", chunk.offset(), " with ", chunk.data().size(),
                                           " bytes came; ", taken_, " and at most ", kMaxChunk, " were due.")));
      return;
    }
    taken_ += static_cast<int64_t>(chunk.data().size());
    // OnRoom may be called before this goes on: it waits for the lock.
    waiting_ = !pipe_->Push(chunk.data());
    if (taken_ - acknowledged_ >= kAcknowledgeEvery) Acknowledge();
    GoOn();
  }

  void OnRoom() {
    std::lock_guard lock(mutex_);
    if (finished_ || complete_ || !waiting_) {
      // The import may have ended while a read is under way: the read then finds out.
      return;
    }
    waiting_ = false;
    GoOn();
  }

  void GoOn() {
    if (const auto closed = pipe_->reader_closed(); closed && !closed->ok()) {
      Fail(*closed);
    } else if (!waiting_) {
      StartRead(&request_);
    }
  }

  void Acknowledge() {
    if (writing_) return;
    writing_ = true;
    acknowledged_ = taken_;
    response_.set_committed_offset(taken_);
    StartWrite(&response_);
  }

  void Fail(const absl::Status& status) {
    finished_ = true;
    status_ = status;
    if (pipe_ != nullptr) pipe_->CloseWriter(status);
    if (!writing_) FinishNow();
  }

  void FinishNow() { Finish(ToGrpcStatus(status_)); }

  TransferRegistry& transfers_;
  std::mutex mutex_;
  std::shared_ptr<UploadReactor> self_;
  v1::UploadRequest request_;
  v1::UploadResponse response_;
  std::shared_ptr<BytePipe> pipe_;
  int64_t taken_ = 0;
  int64_t acknowledged_ = 0;
  bool writing_ = false;
  // The pipe is full; no read is under way.
  bool waiting_ = false;
  bool complete_ = false;
  bool finished_ = false;
  absl::Status status_;
};

class DownloadReactor : public WatchReactor<v1::DownloadResponse> {
 public:
  void Begin(TransferRegistry& transfers, const std::string& id) {
    auto download = transfers.ClaimDownload(id);
    if (download.ok()) {
      download_ = *std::move(download);
      download_.pipe->OnData([weak = weak_from_this()] {
        if (auto self = weak.lock()) self->Wake();
      });
    } else {
      end_ = download.status();
    }
    Start();
  }

 private:
  Step Take() override {
    if (download_.pipe == nullptr || complete_) return end_;
    v1::DownloadResponse response;
    if (std::string bytes = download_.pipe->Take(kMaxChunk); !bytes.empty()) {
      response.set_data(std::move(bytes));
      return response;
    }
    const auto end = download_.pipe->End();
    if (!end) return std::monostate();
    complete_ = true;
    if (!end->ok()) return *end;
    response.mutable_end()->set_size(download_.result->size);
    response.mutable_end()->set_sha256(download_.result->sha256);
    return response;
  }

  void Ended() override {
    if (download_.pipe == nullptr) return;
    download_.pipe->OnData(nullptr);
    // The export may still be waiting to see that all was taken.
    download_.pipe->CloseReader(complete_ ? absl::OkStatus()
                                          : Error(absl::StatusCode::kCancelled, reason::kCancelled,
                                                  "The client that read the archive went away."));
  }

  Download download_;
  absl::Status end_;
  bool complete_ = false;
};

}  // namespace

grpc::ServerBidiReactor<v1::UploadRequest, v1::UploadResponse>* TransferService::Upload(grpc::CallbackServerContext*) {
  auto reactor = std::make_shared<UploadReactor>(transfers_);
  reactor->Begin();
  return reactor.get();
}

grpc::ServerWriteReactor<v1::DownloadResponse>* TransferService::Download(grpc::CallbackServerContext*,
                                                                          const v1::DownloadRequest* request) {
  auto reactor = std::make_shared<DownloadReactor>();
  reactor->Begin(transfers_, request->download_id());
  return reactor.get();
}

}  // namespace wslm::daemon
