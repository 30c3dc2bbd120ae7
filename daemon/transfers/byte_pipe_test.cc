#include "daemon/transfers/byte_pipe.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "daemon/transfers/transfer_registry.h"
#include "distros/host/error.h"

namespace wslm::daemon {
namespace {

std::string ReadAll(BytePipe& pipe, absl::Status& end) {
  std::string all;
  char buffer[7];
  while (true) {
    const auto size = pipe.Read(buffer, sizeof(buffer));
    end = size.status();
    if (!size.ok() || *size == 0) return all;
    all.append(buffer, *size);
  }
}

TEST(BytePipeTest, BytesComeOutAsTheyWentIn) {
  BytePipe pipe(16);
  std::string sent;
  for (int i = 0; i < 1000; ++i) sent += static_cast<char>('a' + i % 26);
  std::thread writer([&] {
    EXPECT_TRUE(pipe.Write(sent).ok());
    pipe.CloseWriter(absl::OkStatus());
  });
  absl::Status end;
  EXPECT_EQ(ReadAll(pipe, end), sent);
  EXPECT_TRUE(end.ok());
  writer.join();
}

TEST(BytePipeTest, ApusherIsToldWhenItIsFullAndWhenThereIsRoom) {
  BytePipe pipe(4);
  std::atomic<int> room = 0;
  pipe.OnRoom([&] { ++room; });
  EXPECT_TRUE(pipe.Push("abc"));
  EXPECT_FALSE(pipe.Push("de"));
  EXPECT_EQ(room, 0);
  char buffer[8];
  EXPECT_EQ(*pipe.Read(buffer, sizeof(buffer)), 5u);
  EXPECT_EQ(room, 1);
}

TEST(BytePipeTest, AnUploadThatBreaksOffIsAnErrorForItsReader) {
  BytePipe pipe(16);
  pipe.Push("abc");
  pipe.CloseWriter(Error(absl::StatusCode::kDataLoss, reason::kCorruptSource, "ended early"));
  absl::Status end;
  EXPECT_EQ(ReadAll(pipe, end), "abc");
  EXPECT_EQ(ReasonOf(end), "CORRUPT_SOURCE");
}

TEST(BytePipeTest, AWriterWhomNobodyReadsGivesUp) {
  BytePipe pipe(4, absl::Milliseconds(20));
  EXPECT_EQ(pipe.Write("abcdefgh").code(), absl::StatusCode::kCancelled);
}

TEST(BytePipeTest, AWriterIsTakenAlongWhenTheReaderCloses) {
  BytePipe pipe(4);
  std::thread closer([&] { pipe.CloseReader(absl::AbortedError("gone")); });
  absl::Status status;
  while (status.ok()) status = pipe.Write("abcdefgh");
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  closer.join();
}

TEST(BytePipeTest, TheEndIsSeenOnlyAfterTheLastByte) {
  BytePipe pipe(16);
  pipe.Push("abc");
  pipe.CloseWriter(absl::OkStatus());
  EXPECT_FALSE(pipe.End());
  EXPECT_EQ(pipe.Take(2), "ab");
  EXPECT_EQ(pipe.Take(2), "c");
  ASSERT_TRUE(pipe.End());
  EXPECT_TRUE(pipe.End()->ok());
  EXPECT_TRUE(pipe.WaitUntilTaken().ok());
}

TEST(TransferRegistryTest, AnUploadIsClaimedOnceAndHasAProperId) {
  TransferRegistry registry;
  EXPECT_FALSE(registry.BeginUpload("short", 0).ok());
  EXPECT_FALSE(registry.BeginUpload("0123456789abcdef/", 0).ok());
  ASSERT_TRUE(registry.BeginUpload("0123456789abcdef", 7).ok());
  EXPECT_FALSE(registry.BeginUpload("0123456789abcdef", 7).ok());
  const auto upload = registry.ClaimUpload("0123456789abcdef");
  ASSERT_TRUE(upload.ok());
  EXPECT_EQ(upload->size, 7);
  EXPECT_EQ(ReasonOf(registry.ClaimUpload("0123456789abcdef").status()), "UPLOAD_NOT_FOUND");
}

}  // namespace
}  // namespace wslm::daemon
