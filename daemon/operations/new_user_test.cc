#include "daemon/operations/new_user.h"

#include <gtest/gtest.h>

namespace wslm::daemon {
namespace {

TEST(NewUserTest, ANameAloneLeavesTheUidToTheDistro) {
  const auto user = ParseNewUser("anna");
  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->name, "anna");
  EXPECT_FALSE(user->uid);
}

TEST(NewUserTest, AUidIsTaken) { EXPECT_EQ(ParseNewUser("anna:1234")->uid, 1234u); }

TEST(NewUserTest, WhatIsNoNameOrUidIsRefused) {
  for (const char* text :
       {"", ":", "anna:", "anna:-1", "anna:+1", "anna: 1", "anna:4294967295", "anna:4294967296", "anna:0x10", "Anna",
        "-anna", "an na", "anna;id", "1anna", "anna:1:2", "abcdefghijklmnopqrstuvwxyz1234567"}) {
    EXPECT_FALSE(ParseNewUser(text).ok()) << text;
  }
}

}  // namespace
}  // namespace wslm::daemon
