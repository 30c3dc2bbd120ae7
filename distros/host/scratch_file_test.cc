#include "distros/host/scratch_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/test_folder.h"

namespace wslm {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

struct stat StatusOf(int fd) {
  struct stat st = {};
  EXPECT_EQ(::fstat(fd, &st), 0);
  return st;
}

TEST(ScratchFile, IsGoneAtTheEnd) {
  const TestFolder folder;
  std::string path;
  {
    auto file = ScratchFile::Make(folder.path(), "thing");
    ASSERT_TRUE(file.ok()) << file.status();
    path = file->path();
    EXPECT_TRUE(PathExists(path));
    EXPECT_EQ(StatusOf(file->fd()).st_mode & 0777, 0600u);
    const ScratchFile moved = *std::move(file);
    EXPECT_EQ(moved.path(), path);
  }
  EXPECT_FALSE(PathExists(path));
}

TEST(ScratchFile, MayReplaceAnother) {
  const TestFolder folder;
  ASSERT_TRUE(WriteFileAtomically(folder / "x", "old").ok());
  auto file = ScratchFile::Make(folder.path(), "x");
  ASSERT_EQ(::write(file->fd(), "new", 3), 3);
  ASSERT_TRUE(file->MoveTo(folder / "x").ok());
  EXPECT_EQ(*ReadSmallFile(folder / "x"), "new");
}

TEST(CopySparse, KeepsHolesAndTakesAPart) {
  const TestFolder folder;
  const auto from = OpenFile(folder / "from", O_RDWR | O_CREAT);
  ASSERT_EQ(::ftruncate(from->get(), 400 * kMiB), 0);
  ASSERT_EQ(::pwrite(from->get(), "before", 6, 100 * kMiB - 6), 6);
  ASSERT_EQ(::pwrite(from->get(), "begin", 5, 100 * kMiB), 5);
  const std::string large(20 * kMiB, 'l');
  ASSERT_EQ(::pwrite(from->get(), large.data(), large.size(), 150 * kMiB + 7), static_cast<ssize_t>(large.size()));
  ASSERT_EQ(::pwrite(from->get(), "after", 5, 300 * kMiB), 5);
  auto to = ScratchFile::Make(folder.path(), "to");
  ASSERT_EQ(CopySparse(from->get(), 100 * kMiB, 200 * kMiB, to->fd(), to->path(), nullptr), absl::OkStatus());
  EXPECT_EQ(StatusOf(to->fd()).st_size, 200 * kMiB);
  EXPECT_LT(StatusOf(to->fd()).st_blocks * 512, 21 * kMiB);
  char begin[6] = {};
  ASSERT_EQ(::pread(to->fd(), begin, 5, 0), 5);
  EXPECT_STREQ(begin, "begin");
  std::string copied(20 * kMiB, '\0');
  ASSERT_EQ(::pread(to->fd(), copied.data(), copied.size(), 50 * kMiB + 7), static_cast<ssize_t>(copied.size()));
  EXPECT_EQ(copied, large);
}

TEST(CopySparse, IsCancelled) {
  const TestFolder folder;
  ASSERT_TRUE(WriteFileAtomically(folder / "from", "x").ok());
  const auto from = OpenFile(folder / "from", O_RDONLY);
  auto to = ScratchFile::Make(folder.path(), "to");
  const std::atomic<bool> cancel = true;
  const absl::Status status = CopySparse(from->get(), 0, 1, to->fd(), to->path(), &cancel);
  // Where the file system has reflinks, it is done before anybody can ask.
  EXPECT_TRUE(status.ok() || ReasonOf(status) == reason::kCancelled) << status;
}

}  // namespace
}  // namespace wslm
