#include "runtime-v1/lxcore/kept_log.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "runtime-v1/lxcore/shared_state.h"

namespace wslm::lxcore {
namespace {

class KeptLogTest : public ::testing::Test {
 protected:
  // As an lxcore that is started now finds it.
  std::map<std::string, std::string> All(KeptKind kind) {
    std::map<std::string, std::string> all;
    KeptLog(state_->kept).ForEach(kind, [&](std::string_view key, std::string_view value) { all.emplace(key, value); });
    return all;
  }

  SharedState state_ = *SharedState::Make();
  KeptLog log_{state_->kept};
};

TEST_F(KeptLogTest, AnotherLogFindsTheLastValueOfEachKey) {
  ASSERT_TRUE(log_.Put(KeptKind::kFileRecord, "a", "1"));
  ASSERT_TRUE(log_.Put(KeptKind::kFileRecord, "b", "2"));
  ASSERT_TRUE(log_.Put(KeptKind::kIdentity, "a", "other"));
  ASSERT_TRUE(log_.Put(KeptKind::kFileRecord, "a", "a longer one"));
  log_.Remove(KeptKind::kFileRecord, "b");
  EXPECT_EQ(All(KeptKind::kFileRecord), (std::map<std::string, std::string>{{"a", "a longer one"}}));
  EXPECT_EQ(All(KeptKind::kIdentity), (std::map<std::string, std::string>{{"a", "other"}}));
}

TEST_F(KeptLogTest, WhatIsReplacedOverAndOverTakesNoRoom) {
  const std::string value(100'000, 'x');
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(log_.Put(KeptKind::kFileRecord, "key", value + std::to_string(i))) << i;
    ASSERT_TRUE(log_.Put(KeptKind::kFileRecord, "gone", value)) << i;
    log_.Remove(KeptKind::kFileRecord, "gone");
  }
  EXPECT_EQ(All(KeptKind::kFileRecord), (std::map<std::string, std::string>{{"key", value + "9999"}}));
}

TEST_F(KeptLogTest, WhatHasNoRoomIsRefusedAndTheRestStays) {
  const std::string value(KeptArea::kHalfSize / 4, 'x');
  int kept = 0;
  while (log_.Put(KeptKind::kFileRecord, std::to_string(kept), value)) ++kept;
  EXPECT_EQ(kept, 3);
  EXPECT_EQ(All(KeptKind::kFileRecord).size(), 3u);
}

TEST_F(KeptLogTest, ARecordThatWasNotCountedIsNotThere) {
  ASSERT_TRUE(log_.Put(KeptKind::kFileRecord, "a", "1"));
  const uint64_t used = state_->kept.used[0];
  ASSERT_TRUE(log_.Put(KeptKind::kFileRecord, "a", "2"));
  // Lxcore was killed between writing and counting.
  state_->kept.used[0] = used;
  EXPECT_EQ(All(KeptKind::kFileRecord), (std::map<std::string, std::string>{{"a", "1"}}));
}

TEST(SharedStateTest, AnotherLayoutIsRefused) {
  SharedState state = *SharedState::Make();
  EXPECT_TRUE(SharedState::Attach(UniqueFd(::dup(state.fd()))).ok());
  state->layout = SharedState::kLayout + 1;
  EXPECT_FALSE(SharedState::Attach(UniqueFd(::dup(state.fd()))).ok());
}

TEST(JournalTest, OnlyACallThatHadBegunIsResumed) {
  Journal journal = {};
  struct statx old_folder = {};
  old_folder.stx_mode = S_IFDIR | 0755;
  old_folder.stx_mask = STATX_BTIME;
  old_folder.stx_btime.tv_sec = 1'000'000;
  struct statx new_folder = old_folder;
  new_folder.stx_btime.tv_sec = 100'000'000'000;
  journal.Resume();
  EXPECT_FALSE(journal.Resumed());
  journal.Begin();
  EXPECT_FALSE(journal.MayHaveMade(new_folder, S_IFDIR));
  journal.Resume();
  EXPECT_TRUE(journal.MayHaveMade(new_folder, S_IFDIR));
  EXPECT_FALSE(journal.MayHaveMade(new_folder, S_IFREG));
  // It was there before: somebody else's.
  EXPECT_FALSE(journal.MayHaveMade(old_folder, S_IFDIR));
}

}  // namespace
}  // namespace wslm::lxcore
