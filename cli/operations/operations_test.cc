#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>

#include "absl/time/clock.h"
#include "cli/exit_codes.h"
#include "cli/operations/download.h"
#include "cli/operations/operation_follower.h"
#include "cli/operations/sha256.h"
#include "cli/operations/upload.h"
#include "cli/output/write_all.h"
#include "cli/testing/fake_daemon.h"
#include "distros/host/error.h"
#include "wslm/v1/operation.grpc.pb.h"
#include "wslm/v1/transfer.grpc.pb.h"

namespace wslm::cli {
namespace {

using ::testing::HasSubstr;

// One operation, "op1", that goes on until it is told otherwise.
class FakeOperations : public v1::OperationService::Service {
 public:
  std::atomic<bool> finish{false};
  std::atomic<bool> fail{false};
  std::atomic<bool> ignore_cancel{false};
  std::atomic<bool> point_of_no_return{false};
  std::atomic<int> breaks{0};
  std::atomic<int> cancels{0};

  grpc::Status WatchOperation(grpc::ServerContext* context, const v1::WatchOperationRequest* request,
                              grpc::ServerWriter<v1::WatchOperationResponse>* writer) override {
    if (request->id() != "op1") {
      return DaemonError(grpc::StatusCode::NOT_FOUND, "OPERATION_NOT_FOUND", "There is no operation 'x'.");
    }
    v1::WatchOperationResponse response;
    v1::Operation& operation = *response.mutable_operation();
    operation.set_id("op1");
    operation.set_kind(v1::OPERATION_KIND_IMPORT);
    operation.mutable_create_time()->set_seconds(100);
    operation.set_state(v1::OPERATION_STATE_RUNNING);
    operation.add_warnings("a warning");
    writer->Write(response);
    if (breaks-- > 0) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone");
    while (!finish && !fail && !context->IsCancelled()) {
      if (cancels > 0 && !ignore_cancel) break;
      absl::SleepFor(absl::Milliseconds(5));
    }
    operation.set_state(v1::OPERATION_STATE_DONE);
    operation.mutable_end_time()->set_seconds(112);
    if (fail || !finish) {
      operation.mutable_error()->ParseFromString(
          (fail ? DaemonError(grpc::StatusCode::RESOURCE_EXHAUSTED, "DISK_FULL", "No room.")
                : DaemonError(grpc::StatusCode::CANCELLED, "CANCELLED", "It was cancelled."))
              .error_details());
    } else {
      operation.mutable_response()->mutable_distro()->set_name("deb");
    }
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status CancelOperation(grpc::ServerContext*, const v1::CancelOperationRequest* request,
                               v1::CancelOperationResponse* response) override {
    EXPECT_EQ(request->id(), "op1");
    if (point_of_no_return) {
      return DaemonError(grpc::StatusCode::FAILED_PRECONDITION, "NOT_CANCELLABLE", "It is too late.");
    }
    ++cancels;
    response->mutable_operation()->set_id("op1");
    return grpc::Status::OK;
  }
};

class OperationFollowerTest : public ::testing::Test {
 protected:
  OperationFollowerTest() : daemon_(std::vector<grpc::Service*>{&operations_}), client_(daemon_.MakeClient()) {
    options_.done = [](const v1::Operation& operation) { return "Imported " + operation.response().distro().name(); };
  }
  ~OperationFollowerTest() override {
    if (helper_.joinable()) helper_.join();
  }

  absl::StatusOr<int> Follow(const std::string& id = "op1") {
    Console console(err_.writer.get(), err_.writer.get());
    return OperationFollower(*client_, console, signals_).Follow(id, options_);
  }

  template <typename Action>
  void Soon(Action action) {
    helper_ = std::thread([action] {
      absl::SleepFor(absl::Milliseconds(200));
      action();
    });
  }

  SignalFd signals_{SIGINT};
  FakeOperations operations_;
  FakeDaemon daemon_;
  std::unique_ptr<Client> client_;
  Pipe err_;
  FollowOptions options_;
  std::thread helper_;
};

TEST_F(OperationFollowerTest, SaysWhatWasDoneAndHowLongItTook) {
  Soon([this] { operations_.finish = true; });
  EXPECT_EQ(*Follow(), kExitOk);
  EXPECT_EQ(err_.Drain(), "wslm: warning: a warning\nImported deb in 12 s.\n");
}

TEST_F(OperationFollowerTest, AFailureKeepsItsReason) {
  operations_.fail = true;
  const absl::StatusOr<int> code = Follow();
  EXPECT_EQ(ReasonOf(code.status()), reason::kDiskFull);
  EXPECT_EQ(code.status().message(), "No room.");
}

TEST_F(OperationFollowerTest, AnUnknownOperationIsAnError) {
  EXPECT_EQ(ReasonOf(Follow("op2").status()), reason::kOperationNotFound);
}

TEST_F(OperationFollowerTest, WatchesAgainWhenTheDaemonWasAway) {
  operations_.breaks = 2;
  Soon([this] { operations_.finish = true; });
  EXPECT_EQ(*Follow(), kExitOk);
}

TEST_F(OperationFollowerTest, TheFirstInterruptCancels) {
  Soon([] { kill(getpid(), SIGINT); });
  EXPECT_EQ(ReasonOf(Follow().status()), reason::kCancelled);
  EXPECT_EQ(operations_.cancels, 1);
  EXPECT_THAT(err_.Drain(), HasSubstr("cancelling"));
}

TEST_F(OperationFollowerTest, TheSecondDetaches) {
  operations_.ignore_cancel = true;
  Soon([] {
    kill(getpid(), SIGINT);
    absl::SleepFor(absl::Milliseconds(300));
    kill(getpid(), SIGINT);
  });
  EXPECT_EQ(*Follow(), kExitDetached);
  EXPECT_THAT(err_.Drain(), HasSubstr("The roll-back goes on: wslm op watch op1"));
}

TEST_F(OperationFollowerTest, PastThePointOfNoReturnItGoesOn) {
  operations_.point_of_no_return = true;
  Soon([this] {
    kill(getpid(), SIGINT);
    absl::SleepFor(absl::Milliseconds(300));
    operations_.finish = true;
  });
  EXPECT_EQ(*Follow(), kExitOk);
  EXPECT_THAT(err_.Drain(), HasSubstr("point of no return"));
}

TEST_F(OperationFollowerTest, WhoFeedsItCannotLeave) {
  operations_.ignore_cancel = true;
  options_.on_interrupt = OnInterrupt::kCancelAndStay;
  Soon([this] {
    kill(getpid(), SIGINT);
    absl::SleepFor(absl::Milliseconds(300));
    kill(getpid(), SIGINT);
    absl::SleepFor(absl::Milliseconds(300));
    operations_.ignore_cancel = false;
  });
  EXPECT_EQ(ReasonOf(Follow().status()), reason::kCancelled);
}

TEST_F(OperationFollowerTest, OneWhoOnlyWatchesNeverCancels) {
  options_.on_interrupt = OnInterrupt::kDetach;
  Soon([] { kill(getpid(), SIGINT); });
  EXPECT_EQ(*Follow(), kExitDetached);
  EXPECT_THAT(err_.Drain(), HasSubstr("The operation goes on: wslm op watch op1"));
  EXPECT_EQ(operations_.cancels, 0);
}

class FakeTransfers : public v1::TransferService::Service {
 public:
  std::string uploaded;
  bool finished = false;
  std::string archive;
  bool damage = false;
  bool cut = false;

  grpc::Status Upload(grpc::ServerContext*,
                      grpc::ServerReaderWriter<v1::UploadResponse, v1::UploadRequest>* stream) override {
    v1::UploadRequest request;
    v1::UploadResponse response;
    while (stream->Read(&request)) {
      if (request.has_chunk()) {
        EXPECT_EQ(request.chunk().offset(), static_cast<int64_t>(uploaded.size()));
        uploaded += request.chunk().data();
      } else if (request.has_finish()) {
        EXPECT_EQ(request.finish().size(), static_cast<int64_t>(uploaded.size()));
        finished = true;
      }
      response.set_committed_offset(static_cast<int64_t>(uploaded.size()));
      stream->Write(response);
    }
    return grpc::Status::OK;
  }

  grpc::Status Download(grpc::ServerContext*, const v1::DownloadRequest*,
                        grpc::ServerWriter<v1::DownloadResponse>* writer) override {
    v1::DownloadResponse response;
    Sha256 sha256;
    sha256.Add(archive);
    for (size_t offset = 0; offset < archive.size(); offset += 1 << 20) {
      response.set_data(archive.substr(offset, 1 << 20));
      if (damage) (*response.mutable_data())[0] ^= 1;
      if (!writer->Write(response)) return grpc::Status::CANCELLED;
    }
    if (cut) return grpc::Status::OK;
    response.mutable_end()->set_size(static_cast<int64_t>(archive.size()));
    response.mutable_end()->set_sha256(sha256.Finish());
    writer->Write(response);
    return grpc::Status::OK;
  }
};

class TransferTest : public ::testing::Test {
 protected:
  TransferTest() : daemon_(std::vector<grpc::Service*>{&transfers_}), channel_(*daemon_.MakeClient()->Channel()) {
    signal(SIGPIPE, SIG_IGN);
    transfers_.archive.assign(5 << 20, 'a').append("end");
  }

  FakeTransfers transfers_;
  FakeDaemon daemon_;
  std::shared_ptr<grpc::Channel> channel_;
  Pipe pipe_;
};

TEST_F(TransferTest, AnUploadSendsAllAndSaysWhereItEnds) {
  absl::StatusOr<std::unique_ptr<Upload>> upload = Upload::Begin(channel_, "0123456789abcdef", 0);
  ASSERT_TRUE(upload.ok()) << upload.status();
  (*upload)->Send(pipe_.reader.get());
  const std::string data(3 << 20, 'x');
  EXPECT_EQ(WriteAll(pipe_.writer.get(), data), 0);
  pipe_.writer.Reset();
  for (int i = 0; i < 500 && !transfers_.finished; ++i) absl::SleepFor(absl::Milliseconds(10));
  upload->reset();
  EXPECT_TRUE(transfers_.finished);
  EXPECT_TRUE(transfers_.uploaded == data);
}

TEST_F(TransferTest, AnUploadCanBeBrokenOffWhileItWaitsForInput) {
  absl::StatusOr<std::unique_ptr<Upload>> upload = Upload::Begin(channel_, "0123456789abcdef", 0);
  ASSERT_TRUE(upload.ok()) << upload.status();
  (*upload)->Send(pipe_.reader.get());
  upload->reset();
  EXPECT_FALSE(transfers_.finished);
}

TEST_F(TransferTest, ADownloadIsWrittenAndChecked) {
  std::string got;
  std::thread reader([&] {
    std::string buffer(1 << 20, '\0');
    for (ssize_t n;
         got.size() < transfers_.archive.size() && (n = read(pipe_.reader.get(), buffer.data(), buffer.size())) > 0;) {
      got.append(buffer.data(), static_cast<size_t>(n));
    }
  });
  Download download(channel_, "op1", pipe_.writer.get());
  EXPECT_EQ(download.Wait(), absl::OkStatus());
  reader.join();
  EXPECT_TRUE(got == transfers_.archive);
}

TEST_F(TransferTest, ADamagedOrCutDownloadIsNoticed) {
  const UniqueFd null(open("/dev/null", O_WRONLY | O_CLOEXEC));
  transfers_.damage = true;
  EXPECT_EQ(ReasonOf(Download(channel_, "op1", null.get()).Wait()), reason::kVerificationFailed);
  transfers_.damage = false;
  transfers_.cut = true;
  EXPECT_EQ(ReasonOf(Download(channel_, "op1", null.get()).Wait()), reason::kVerificationFailed);
}

TEST_F(TransferTest, AReaderThatStopsIsAnErrorOfTheWrite) {
  pipe_.reader.Reset();
  Download download(channel_, "op1", pipe_.writer.get());
  EXPECT_FALSE(download.Wait().ok());
  EXPECT_EQ(download.write_errno(), EPIPE);
}

TEST(Sha256Test, GivesTheKnownDigest) {
  Sha256 sha256;
  sha256.Add("abc");
  EXPECT_EQ(sha256.Finish().substr(0, 4), std::string("\xba\x78\x16\xbf"));
}

}  // namespace
}  // namespace wslm::cli
