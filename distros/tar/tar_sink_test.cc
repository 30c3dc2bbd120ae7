#include "distros/tar/tar_sink.h"

#include <time.h>

#include <chrono>
#include <cstring>
#include <random>
#include <thread>

#include "distros/host/error.h"
#include "distros/host/test_bytes.h"
#include "distros/tar/tar_source.h"
#include "distros/tree/test_tree.h"
#include "distros/tree/transfer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Written {
  std::string bytes;
  TransferResult result;
};

absl::StatusOr<Written> WriteTar(std::vector<TestFile> files, TarCompression compression = TarCompression::kNone) {
  Written written;
  absl::StatusOr<std::unique_ptr<Sink>> sink = OpenTarSink(std::make_unique<StringSink>(written.bytes), compression);
  if (!sink.ok()) return sink.status();
  TestSource source(std::move(files));
  absl::StatusOr<TransferResult> result = Transfer(source, **sink, {});
  if (!result.ok()) return result.status();
  written.result = *std::move(result);
  return written;
}

absl::StatusOr<TransferResult> ReadBack(const std::string& bytes, TestSink& sink) {
  absl::StatusOr<std::unique_ptr<Source>> source = OpenTarSource(std::make_unique<StringSource>(bytes), "x.tar");
  if (!source.ok()) return source.status();
  return Transfer(**source, sink, {});
}

std::vector<TestFile> AllKinds() {
  TestFile file = File("d/file", "content", 06755);
  file.entry.uid = 3'000'000;
  file.entry.gid = 4294967294;
  file.entry.mtime = {1'700'000'000, 123'456'789};
  file.entry.xattrs = {{"user.a", std::string("\0\xFF=\n", 4)},
                       {"user.empty", ""},
                       {"security.capability", std::string("\x01\0\0\x02 \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20)},
                       {"system.posix_acl_access", std::string("\x02\0\0\0"
                                                               "\x01\0\x06\0\xFF\xFF\xFF\xFF"
                                                               "\x02\0\x06\0\xD2\x04\0\0"
                                                               "\x04\0\x04\0\xFF\xFF\xFF\xFF"
                                                               "\x10\0\x07\0\xFF\xFF\xFF\xFF"
                                                               "\x20\0\x05\0\xFF\xFF\xFF\xFF",
                                                               44)}};
  TestFile device{{.path = "d/null", .type = FileType::kCharDevice, .mode = 0666, .rdev_major = 1, .rdev_minor = 3},
                  {}};
  TestFile disk{{.path = "d/disk",
                 .type = FileType::kBlockDevice,
                 .mode = 0660,
                 .gid = 6,
                 .rdev_major = 4095,
                 .rdev_minor = 1048575},
                {}};
  TestFile fifo{{.path = "d/fifo", .type = FileType::kFifo, .mode = 0600}, {}};
  TestFile old = File("old", "");
  old.entry.mtime = {-86400 * 365, 0};
  TestFile future = File("future", "");
  future.entry.mtime = {7258118399, 999'999'999};
  return {Folder("", 0750),
          Folder("d", 01777),
          file,
          device,
          disk,
          fifo,
          old,
          future,
          Symlink("link", "d/file"),
          Symlink("long link", std::string(1000, 't')),
          HardLink("hard", "d/file"),
          File("\xFFnot utf8", "x"),
          Symlink("to bytes", "\xFF"),
          HardLink("hard\xFF", "\xFFnot utf8"),
          File("\xC3\xA4", "x"),
          File(std::string(255, 'n'), "x"),
          File(std::string(200, 'a') + "/" + std::string(200, 'b') + "/" + std::string(200, 'c'), "x"),
          File(" leading and trailing ", "x"),
          File("new\nline", "x")};
}

TEST(TarSink, WhatIsWrittenIsReadBackTheSame) {
  for (const TarCompression compression : {TarCompression::kNone, TarCompression::kGzip, TarCompression::kXz,
                                           TarCompression::kZstd, TarCompression::kBzip2, TarCompression::kLz4}) {
    const absl::StatusOr<Written> written = WriteTar(AllKinds(), compression);
    ASSERT_TRUE(written.ok()) << written.status();
    EXPECT_THAT(written->result.losses, IsEmpty());
    TestSink sink;
    const absl::StatusOr<TransferResult> read = ReadBack(written->bytes, sink);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->digest, written->result.digest);
    EXPECT_THAT(read->warnings, IsEmpty());
  }
}

TEST(TarSink, HolesStayHolesAndCostNothing) {
  TestFile sparse{{.path = "sparse", .mode = 0644, .size = int64_t{10} << 30}, {}};
  sparse.entry.extents = {{{0, 5}, {int64_t{9} << 30, 3}}};
  sparse.blocks = {{0, "begin"}, {int64_t{9} << 30, "end"}};
  TestFile hole{{.path = "hole", .mode = 0644, .size = int64_t{1} << 30}, {}};
  hole.entry.extents.emplace();
  const absl::StatusOr<Written> written = WriteTar({sparse, hole, File("after", "x")});
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_LT(written->bytes.size(), 100'000u);
  TestSink sink;
  const absl::StatusOr<TransferResult> read = ReadBack(written->bytes, sink);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->digest, written->result.digest);
  size_t bytes = 0;
  for (const TestFile& file : sink.files) {
    for (const auto& [offset, content] : file.blocks) bytes += content.size();
  }
  EXPECT_LT(bytes, 100'000u);
  EXPECT_EQ(sink.files[0].entry.size, int64_t{10} << 30);
}

TEST(TarSink, AHoleThatNobodyToldOfIsWrittenAsZeros) {
  TestFile sparse{{.path = "sparse", .mode = 0644, .size = 3'000'000}, {{2'000'000, "x"}}};
  const absl::StatusOr<Written> written = WriteTar({sparse, File("after", "x")});
  ASSERT_TRUE(written.ok()) << written.status();
  TestSink sink;
  EXPECT_EQ(ReadBack(written->bytes, sink)->digest, written->result.digest);
}

TEST(TarSink, SocketsAndTheirLinksAreLosses) {
  const TestFile socket{{.path = "run/so\x1b[ket", .type = FileType::kSocket, .mode = 0600}, {}};
  const absl::StatusOr<Written> written =
      WriteTar({HardLink("early", "run/so\x1b[ket"), socket, HardLink("late", "run/so\x1b[ket"), File("a", "x")});
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_THAT(written->result.losses,
              ElementsAre(HasSubstr("run/so\\x1B[ket: sockets"), HasSubstr("late: "), HasSubstr("early: ")));
  TestSink sink;
  ASSERT_TRUE(ReadBack(written->bytes, sink).ok());
  EXPECT_EQ(sink.files.size(), 1u);
}

TEST(TarSink, AHardLinkComesAfterItsTarget) {
  const absl::StatusOr<Written> written =
      WriteTar({HardLink("c", "b"), HardLink("b", "a"), File("a", "x"), HardLink("d", "c")});
  ASSERT_TRUE(written.ok()) << written.status();
  TestSink sink;
  EXPECT_EQ(ReadBack(written->bytes, sink)->digest, written->result.digest);
  EXPECT_EQ(sink.files[0].entry.path, "a");
  for (size_t i = 1; i < sink.files.size(); ++i) EXPECT_EQ(sink.files[i].entry.hard_link_to, "a");
}

TEST(TarSink, AFileThatIsLongerThanItSaidIsAnErrorAndAShorterOneIsFilledWithZeros) {
  TestFile longer = File("a", "content");
  longer.entry.size = 3;
  EXPECT_EQ(ReasonOf(WriteTar({longer}).status()), reason::kCorruptSource);
}

TEST(TarSink, ASinkLeftMidwayWritesAndKeepsNothing) {
  for (const TarCompression compression : {TarCompression::kNone, TarCompression::kGzip, TarCompression::kXz,
                                           TarCompression::kZstd, TarCompression::kBzip2, TarCompression::kLz4}) {
    std::string bytes;
    absl::StatusOr<std::unique_ptr<Sink>> sink = OpenTarSink(std::make_unique<StringSink>(bytes), compression);
    ASSERT_TRUE(sink.ok());
    ASSERT_TRUE((*sink)->Begin(File("a", std::string(1 << 20, 'x')).entry).ok());
    ASSERT_TRUE((*sink)->Write({.offset = 0, .bytes = "xyz"}).ok());
    const std::string before = bytes;
    sink->reset();
    EXPECT_EQ(bytes, before);
  }
}

// Of all threads, so that it does not grow when others keep the machine busy.
double ProcessorSeconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// What no compression makes smaller, and each needs its longest time for.
std::string Noise(size_t size) {
  std::mt19937_64 random(1);
  std::string noise(size, '\0');
  for (size_t at = 0; at + 8 <= size; at += 8) {
    const uint64_t number = random();
    std::memcpy(noise.data() + at, &number, sizeof(number));
  }
  return noise;
}

TEST(TarSink, ASinkLeftMidwayEndsAtOnceWhateverItsThreadsWereGiven) {
  // Of a file of 1 TiB, of which the compressors have this.
  const std::string noise = Noise(8 << 20);
  Entry entry = File("a", "").entry;
  entry.size = int64_t{1} << 40;
  for (const TarCompression compression : {TarCompression::kNone, TarCompression::kGzip, TarCompression::kXz,
                                           TarCompression::kZstd, TarCompression::kBzip2, TarCompression::kLz4}) {
    std::string bytes;
    absl::StatusOr<std::unique_ptr<Sink>> sink = OpenTarSink(std::make_unique<StringSink>(bytes), compression);
    ASSERT_TRUE(sink.ok());
    ASSERT_TRUE((*sink)->Begin(entry).ok());
    ASSERT_TRUE((*sink)->Write({.offset = 0, .bytes = noise}).ok());
    const double before = ProcessorSeconds();
    sink->reset();
    EXPECT_LT(ProcessorSeconds() - before, 1) << static_cast<int>(compression);
  }
}

TEST(TarSink, ACancelEndsACallThatWaitsForTheCompression) {
  // Three threads take 24 MiB each; the rest waits for one of them.
  const std::string noise = Noise(100 << 20);
  CancelFlag cancel = false;
  std::string bytes;
  absl::StatusOr<std::unique_ptr<Sink>> sink =
      OpenTarSink(std::make_unique<StringSink>(bytes), TarCompression::kXz, &cancel);
  ASSERT_TRUE(sink.ok());
  ASSERT_TRUE((*sink)->Begin(File("a", noise).entry).ok());
  const double before = ProcessorSeconds();
  std::thread asker([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    cancel = true;
  });
  EXPECT_EQ(ReasonOf((*sink)->Write({.offset = 0, .bytes = noise})), reason::kCancelled);
  asker.join();
  sink->reset();
  // All of it takes half a minute.
  EXPECT_LT(ProcessorSeconds() - before, 8);
}

TEST(TarSink, AFullDiskIsSaid) {
  std::string bytes;
  const absl::Status full = ErrnoError("cannot write", "/x.tar", ENOSPC);
  absl::StatusOr<std::unique_ptr<Sink>> sink =
      OpenTarSink(std::make_unique<StringSink>(bytes, 600'000, full), TarCompression::kNone);
  ASSERT_TRUE(sink.ok());
  TestSource source({File("a", std::string(500'000, 'x')), File("b", std::string(500'000, 'x'))});
  EXPECT_EQ(ReasonOf(Transfer(source, **sink, {}).status()), reason::kDiskFull);
}

TEST(TarSink, ItsCompressionGoesByTheName) {
  EXPECT_EQ(*TarCompressionOfName("x.tar"), TarCompression::kNone);
  EXPECT_EQ(*TarCompressionOfName("x.TAR.GZ"), TarCompression::kGzip);
  EXPECT_EQ(*TarCompressionOfName("x.tgz"), TarCompression::kGzip);
  EXPECT_EQ(*TarCompressionOfName("x.txz"), TarCompression::kXz);
  EXPECT_EQ(*TarCompressionOfName("x.tar.zst"), TarCompression::kZstd);
  EXPECT_EQ(*TarCompressionOfName("gz"), TarCompression::kNone);
  EXPECT_EQ(*TarCompressionOfName("x.tar.bz2"), TarCompression::kBzip2);
  EXPECT_EQ(*TarCompressionOfName("x.tlz4"), TarCompression::kLz4);
  EXPECT_EQ(TarCompressionOfName("x.wsl"), TarCompression::kGzip);
  for (const char* name : {"backup", "/a.b/backup", "debian-12.5", "2024.01.31", ".hidden", "x."}) {
    EXPECT_EQ(TarCompressionOfName(name), TarCompression::kNone) << name;
  }
  for (const char* name : {"x.tar.lz", "/a/x.VHDX", "x.foo", "x.zip", "x.7z", "x.gz.part"}) {
    EXPECT_EQ(TarCompressionOfName(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace wslm
