#include "distros/host/image_lock.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "distros/host/error.h"

namespace wslm {
namespace {

class ImageLockTest : public testing::Test {
 protected:
  ImageLockTest() {
    image_ = testing::TempDir() + "/image_lock_test.img";
    std::FILE* file = std::fopen(image_.c_str(), "w");
    std::fclose(file);
  }
  ~ImageLockTest() override { std::remove(image_.c_str()); }
  std::string image_;
};

TEST_F(ImageLockTest, IsHeldByOneOnly) {
  const auto first = LockImage(image_);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = LockImage(image_);
  EXPECT_EQ(ReasonOf(second.status()), reason::kDistroRunning);
}

TEST_F(ImageLockTest, LivesAsLongAsACopyOfTheDescriptor) {
  UniqueFd copy;
  {
    const auto lock = LockImage(image_);
    ASSERT_TRUE(lock.ok());
    copy.Reset(::fcntl(lock->get(), F_DUPFD_CLOEXEC, 0));
  }
  EXPECT_FALSE(LockImage(image_).ok());
  copy.Reset();
  EXPECT_TRUE(LockImage(image_).ok());
}

TEST_F(ImageLockTest, NamesAnImageThatIsNotThere) {
  const auto lock = LockImage("/nowhere/disk.img");
  EXPECT_EQ(ReasonOf(lock.status()), reason::kFileNotFound);
  EXPECT_THAT(std::string(lock.status().message()), testing::HasSubstr("/nowhere/disk.img"));
}

}  // namespace
}  // namespace wslm
