#include "distros/host/random_id.h"

#include <gtest/gtest.h>

namespace wslm {
namespace {

TEST(RandomIdTest, IsAUuidAndNeverTheSame) {
  EXPECT_EQ(NewUuid().size(), 36u);
  EXPECT_EQ(NewUuid()[14], '4');
  EXPECT_NE(NewUuid(), NewUuid());
  EXPECT_EQ(RandomHex(8).size(), 16u);
}

}  // namespace
}  // namespace wslm
