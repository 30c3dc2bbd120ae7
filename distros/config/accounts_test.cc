#include "distros/config/accounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wslm {
namespace {

const Accounts& TestAccounts() {
  static const Accounts accounts(
      "root:x:0:0:root:/root:/bin/bash\n"
      "# a comment\n"
      "broken:x:12\n"
      "bad:x:-1:0::/:/bin/sh\n"
      "alice:x:1000:1000:Alice,,,:/home/alice:/bin/zsh\n"
      "1000:x:1234:1234::/home/number:\n"
      "bare:x:77:77:::\n",
      "root:x:0:\n"
      "tty:x:5:\n"
      "alice:x:1000:\n"
      "sudo:x:27:bob, alice\n"
      "twice:x:27:alice\n"
      "alicex:x:28:alicex\n"
      "bad:x:nan:alice\n");
  return accounts;
}

TEST(AccountsTest, FindsByNameAndByNumber) {
  const std::optional<User> alice = TestAccounts().Find("alice");
  ASSERT_TRUE(alice);
  EXPECT_EQ(alice->uid, 1000u);
  EXPECT_EQ(alice->home, "/home/alice");
  EXPECT_EQ(alice->shell, "/bin/zsh");
  EXPECT_EQ(TestAccounts().Find("0")->name, "root");
}

TEST(AccountsTest, ANameThatLooksLikeANumberWins) { EXPECT_EQ(TestAccounts().Find("1000")->uid, 1234u); }

TEST(AccountsTest, AnUnknownNumberIsAUserOfItsOwn) {
  const std::optional<User> user = TestAccounts().Find("4242");
  ASSERT_TRUE(user);
  EXPECT_EQ(user->uid, 4242u);
  EXPECT_EQ(user->gid, 4242u);
  EXPECT_EQ(user->home, "/");
  EXPECT_EQ(user->shell, "/bin/sh");
}

TEST(AccountsTest, UnknownNamesAndMalformedLinesAreNotFound) {
  for (const char* name : {"mallory", "broken", "bad", "-1", "4294967295", "4294967296", ""}) {
    EXPECT_EQ(TestAccounts().Find(name), std::nullopt) << name;
  }
}

TEST(AccountsTest, EmptyHomeAndShellHaveDefaults) {
  EXPECT_EQ(TestAccounts().Find("bare")->home, "/");
  EXPECT_EQ(TestAccounts().Find("bare")->shell, "/bin/sh");
}

TEST(AccountsTest, GroupsAreTheOwnOneAndMembershipsOnce) {
  EXPECT_THAT(TestAccounts().GroupsOf(*TestAccounts().Find("alice")), ::testing::ElementsAre(1000, 27));
  EXPECT_THAT(TestAccounts().GroupsOf(*TestAccounts().Find("root")), ::testing::ElementsAre(0));
}

TEST(AccountsTest, GroupsAreFoundByName) {
  EXPECT_EQ(TestAccounts().GroupNamed("tty"), 5u);
  EXPECT_EQ(TestAccounts().GroupNamed("none"), std::nullopt);
}

}  // namespace
}  // namespace wslm
