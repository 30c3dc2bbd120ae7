#include "distros/host/byte_stream.h"

#include <fcntl.h>
#include <unistd.h>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/test_folder.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

std::string ReadAll(ByteSource& source) {
  std::string all;
  char buffer[1000];
  while (true) {
    const absl::StatusOr<size_t> count = source.Read(buffer, sizeof(buffer));
    EXPECT_TRUE(count.ok()) << count.status();
    if (!count.ok() || *count == 0) return all;
    all.append(buffer, *count);
  }
}

TEST(ByteStream, AFileIsWrittenAndReadAndItsSizeKnown) {
  const TestFolder folder;
  const std::string content(100'000, 'x');
  const auto sink = FdByteSink(*OpenFile(folder / "a", O_WRONLY | O_CREAT), "a");
  ASSERT_TRUE(sink->Write(content).ok());
  ASSERT_TRUE(sink->Write("end").ok());
  ASSERT_TRUE(sink->Finish().ok());
  const auto source = FdByteSource(*OpenFile(folder / "a", O_RDONLY), "a");
  EXPECT_EQ(source->total(), 100'003);
  EXPECT_EQ(ReadAll(*source), content + "end");
}

TEST(ByteStream, AFileIsReadFromWhereItsDescriptorIs) {
  const TestFolder folder;
  ASSERT_TRUE(WriteFileAtomically(folder / "a", "0123456789").ok());
  UniqueFd fd = *OpenFile(folder / "a", O_RDONLY);
  ASSERT_EQ(::lseek(fd.get(), 4, SEEK_SET), 4);
  const auto source = FdByteSource(std::move(fd), "a");
  EXPECT_EQ(source->total(), 6);
  EXPECT_EQ(ReadAll(*source), "456789");
}

TEST(ByteStream, APipeHasNoSizeAndFinishesWithoutADisk) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const auto source = FdByteSource(UniqueFd(ends[0]), "pipe");
  auto sink = FdByteSink(UniqueFd(ends[1]), "pipe");
  EXPECT_EQ(source->total(), 0);
  ASSERT_TRUE(sink->Write("through").ok());
  ASSERT_TRUE(sink->Finish().ok());
  EXPECT_EQ(ReadAll(*source), "through");
}

TEST(ByteStream, FailuresNameTheFile) {
  const auto source = FdByteSource(*OpenFile("/", O_RDONLY), "the\nfolder");
  char byte;
  EXPECT_EQ(source->Read(&byte, 1).status().message(), "cannot read the\\x0Afolder: Is a directory");
  const auto full = FdByteSink(*OpenFile("/dev/full", O_WRONLY), "/dev/full");
  EXPECT_EQ(ReasonOf(full->Write("x")), reason::kDiskFull);
}

}  // namespace
}  // namespace wslm
