// The services as a client meets them: over a Unix socket, through gRPC.
#include <grpc/grpc.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <string>
#include <thread>

#include "daemon/events/event_bus.h"
#include "daemon/operations/operation_manager.h"
#include "daemon/server/acceptor.h"
#include "daemon/server/grpc_server.h"
#include "daemon/server/listener.h"
#include "daemon/server/status.h"
#include "daemon/services/event_service.h"
#include "daemon/services/operation_service.h"
#include "daemon/services/transfer_service.h"
#include "distros/host/error.h"
#include "distros/host/test_folder.h"

namespace wslm::daemon {
namespace {

constexpr char kUploadId[] = "0123456789abcdef";

std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  return wslm::ReasonOf(FromRpcStatus(details));
}

class ServicesTest : public testing::Test {
 public:
  // Else it would begin and end with each test, and its end may wait for a thread of its own that sits in a poll of 10
  // s.
  static void SetUpTestSuite() { grpc_init(); }
  static void TearDownTestSuite() { grpc_shutdown(); }

 protected:
  void SetUp() override {
    auto listener = Listen(folder_ / "s", {});
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
    server_.emplace(std::vector<grpc::Service*>{&event_service_, &operation_service_, &transfer_service_});
    acceptor_.emplace(listener_.fd.get(), ::getuid(), *log_, [this](UniqueFd fd) { server_->Serve(std::move(fd)); });
    channel_ = grpc::CreateChannel("unix:" + folder_ / "s", grpc::InsecureChannelCredentials());
  }

  absl::StatusOr<v1::Operation> Begin(std::function<absl::StatusOr<v1::OperationResponse>(OperationContext&)> work) {
    return operations_.Begin({.kind = v1::OPERATION_KIND_EXPORT},
                             [&](const std::string&) -> absl::StatusOr<OperationPlan> {
                               OperationPlan plan;
                               plan.work = std::move(work);
                               return plan;
                             });
  }

  TestFolder folder_;
  std::unique_ptr<Log> log_ = NoLog();
  EventBus events_{"boot"};
  OperationManager operations_{[](const JournalEntry&) { return absl::OkStatus(); }, events_, *log_};
  TransferRegistry transfers_;
  Workers workers_;
  EventService event_service_{events_};
  OperationService operation_service_{operations_, workers_};
  TransferService transfer_service_{transfers_};
  Listener listener_;
  std::optional<GrpcServer> server_;
  std::optional<Acceptor> acceptor_;
  std::shared_ptr<grpc::Channel> channel_;
};

// One call of a method whose messages are not at hand, as bytes.
std::string RawCall(const std::shared_ptr<grpc::Channel>& channel, const std::string& method) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const grpc::Slice empty;
  const grpc::ByteBuffer request(&empty, 1);
  grpc::ByteBuffer response;
  grpc::Status status;
  auto call = stub.PrepareUnaryCall(&context, method, request, &queue);
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  void* tag;
  bool ok;
  queue.Next(&tag, &ok);
  EXPECT_TRUE(status.ok()) << status.error_message();
  std::vector<grpc::Slice> slices;
  response.Dump(&slices);
  std::string bytes;
  for (const auto& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

TEST_F(ServicesTest, HealthIsServing) {
  // HealthCheckResponse{status: SERVING}
  EXPECT_EQ(RawCall(channel_, "/grpc.health.v1.Health/Check"), std::string("\x08\x01"));
}

TEST_F(ServicesTest, AWatchOfEventsBeginsAtOnceAndEndsWithItsClient) {
  auto stub = v1::EventService::NewStub(channel_);
  grpc::ClientContext context;
  auto reader = stub->WatchEvents(&context, v1::WatchEventsRequest());
  v1::WatchEventsResponse event;
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_TRUE(event.has_ready());
  events_.DistroChanged(v1::CHANGE_KIND_CREATED, {});
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_TRUE(event.has_distro());
  context.TryCancel();
  EXPECT_FALSE(reader->Read(&event));
}

TEST_F(ServicesTest, AnOperationIsWatchedToItsEnd) {
  std::promise<void> go_on;
  const auto operation = Begin([&](OperationContext& context) -> absl::StatusOr<v1::OperationResponse> {
    context.BeginPhase(v1::PROGRESS_PHASE_COPY);
    go_on.get_future().wait();
    return v1::OperationResponse();
  });
  ASSERT_TRUE(operation.ok()) << operation.status();
  auto stub = v1::OperationService::NewStub(channel_);
  grpc::ClientContext context;
  v1::WatchOperationRequest request;
  request.set_id(operation->id());
  auto reader = stub->WatchOperation(&context, request);
  v1::WatchOperationResponse response;
  ASSERT_TRUE(reader->Read(&response));
  go_on.set_value();
  while (reader->Read(&response)) {
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(response.operation().state(), v1::OPERATION_STATE_DONE);
}

TEST_F(ServicesTest, AnErrorArrivesWithItsReason) {
  auto stub = v1::OperationService::NewStub(channel_);
  grpc::ClientContext context;
  v1::GetOperationRequest request;
  request.set_id("op-nothing");
  v1::GetOperationResponse response;
  const auto status = stub->GetOperation(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(status), "OPERATION_NOT_FOUND");
}

class UploadTest : public ServicesTest {
 protected:
  // Sends the header, waits for its answer, then sends `data` in chunks; with `finish` the end too.
  grpc::Status Upload(const std::string& data, bool finish, int64_t claimed_size) {
    auto stub = v1::TransferService::NewStub(channel_);
    grpc::ClientContext context;
    auto stream = stub->Upload(&context);
    v1::UploadRequest request;
    request.mutable_header()->set_upload_id(kUploadId);
    stream->Write(request);
    v1::UploadResponse response;
    stream->Read(&response);
    begun_.set_value();
    for (size_t offset = 0; offset < data.size(); offset += 1 << 20) {
      request.mutable_chunk()->set_offset(static_cast<int64_t>(offset));
      request.mutable_chunk()->set_data(data.substr(offset, 1 << 20));
      if (!stream->Write(request)) break;
    }
    if (finish) {
      request.mutable_finish()->set_size(claimed_size);
      stream->Write(request);
    }
    stream->WritesDone();
    while (stream->Read(&response)) committed_ = response.committed_offset();
    return stream->Finish();
  }

  // Reads the upload to its end.
  absl::StatusOr<std::string> Receive() {
    begun_.get_future().wait();
    const auto upload = transfers_.ClaimUpload(kUploadId);
    if (!upload.ok()) return upload.status();
    auto source = PipeSource(upload->pipe, 0);
    std::string received;
    std::string buffer(100000, '\0');
    while (true) {
      const auto size = source->Read(buffer.data(), buffer.size());
      if (!size.ok()) return size.status();
      if (*size == 0) return received;
      received.append(buffer, 0, *size);
    }
  }

  std::promise<void> begun_;
  int64_t committed_ = 0;
};

TEST_F(UploadTest, AnUploadLargerThanTheBufferArrivesWhole) {
  std::string data(3 * TransferRegistry::kBuffer + 12345, '\0');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7 + i / 1000);
  auto receiver = std::async(std::launch::async, [this] { return Receive(); });
  EXPECT_TRUE(Upload(data, true, static_cast<int64_t>(data.size())).ok());
  const auto received = receiver.get();
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ(*received, data);
  EXPECT_EQ(committed_, static_cast<int64_t>(data.size()));
}

TEST_F(UploadTest, AnUploadWithoutItsEndIsCorrupt) {
  auto receiver = std::async(std::launch::async, [this] { return Receive(); });
  EXPECT_EQ(ReasonOf(Upload("abc", false, 0)), "CORRUPT_SOURCE");
  EXPECT_EQ(wslm::ReasonOf(receiver.get().status()), "CORRUPT_SOURCE");
}

TEST_F(UploadTest, AnUploadThatIsNotAsLongAsItSaysIsRefused) {
  auto receiver = std::async(std::launch::async, [this] { return Receive(); });
  EXPECT_EQ(ReasonOf(Upload("abc", true, 4)), "INVALID_ARGUMENT");
  EXPECT_FALSE(receiver.get().ok());
}

TEST_F(UploadTest, AnImportThatFailsEndsItsUpload) {
  auto receiver = std::async(std::launch::async, [this] {
    begun_.get_future().wait();
    transfers_.ClaimUpload(kUploadId)->pipe->CloseReader(
        Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat, "no archive"));
  });
  const std::string data(4 * TransferRegistry::kBuffer, 'x');
  EXPECT_EQ(ReasonOf(Upload(data, true, static_cast<int64_t>(data.size()))), "UNSUPPORTED_FORMAT");
  receiver.get();
}

TEST_F(ServicesTest, ADownloadEndsWithSizeAndSum) {
  const Download download = transfers_.BeginDownload("op-1");
  std::thread writer([&] {
    EXPECT_TRUE(PipeSink(download.pipe)->Write(std::string(3 << 20, 'x')).ok());
    *download.result = {3 << 20, "sum"};
    download.pipe->CloseWriter(absl::OkStatus());
    EXPECT_TRUE(download.pipe->WaitUntilTaken().ok());
  });
  auto stub = v1::TransferService::NewStub(channel_);
  grpc::ClientContext context;
  v1::DownloadRequest request;
  request.set_download_id("op-1");
  auto reader = stub->Download(&context, request);
  v1::DownloadResponse response;
  int64_t size = 0;
  while (reader->Read(&response)) size += static_cast<int64_t>(response.data().size());
  EXPECT_TRUE(reader->Finish().ok());
  writer.join();
  EXPECT_EQ(size, 3 << 20);
  EXPECT_EQ(response.end().size(), 3 << 20);
  EXPECT_EQ(response.end().sha256(), "sum");
}

TEST_F(ServicesTest, ADownloadThatFailsTellsWhy) {
  const Download download = transfers_.BeginDownload("op-1");
  download.pipe->CloseWriter(Error(absl::StatusCode::kDataLoss, reason::kCorruptSource, "damaged"));
  auto stub = v1::TransferService::NewStub(channel_);
  grpc::ClientContext context;
  v1::DownloadRequest request;
  request.set_download_id("op-1");
  auto reader = stub->Download(&context, request);
  v1::DownloadResponse response;
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(ReasonOf(reader->Finish()), "CORRUPT_SOURCE");
}

}  // namespace
}  // namespace wslm::daemon
