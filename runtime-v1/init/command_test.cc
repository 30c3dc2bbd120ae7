#include "runtime-v1/init/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wslm::init {
namespace {

using ::testing::ElementsAre;
using ::wslm::runtime::v1::SHELL_COMMAND;
using ::wslm::runtime::v1::SHELL_LOGIN;
using ::wslm::runtime::v1::SHELL_NONE;

TEST(CommandTest, NoWordsAreTheLoginShell) {
  for (const auto mode : {SHELL_COMMAND, SHELL_LOGIN, SHELL_NONE}) {
    const Command command = CommandOf({}, mode, "/usr/bin/zsh");
    EXPECT_EQ(command.file, "/usr/bin/zsh");
    EXPECT_THAT(command.argv, ElementsAre("-zsh"));
  }
}

TEST(CommandTest, OneWordIsGivenToTheShellAsItIs) {
  const Command command = CommandOf({"ls | wc -l"}, SHELL_COMMAND, "/bin/bash");
  EXPECT_EQ(command.file, "/bin/bash");
  EXPECT_THAT(command.argv, ElementsAre("bash", "-c", "ls | wc -l"));
}

TEST(CommandTest, SeveralWordsAreQuotedEach) {
  const Command command = CommandOf({"printf", "%s\n", "a b", "$HOME", "it's", ""}, SHELL_COMMAND, "/bin/bash");
  EXPECT_THAT(command.argv, ElementsAre("bash", "-c", "'printf' '%s\n' 'a b' '$HOME' 'it'\\''s' ''"));
}

TEST(CommandTest, ALoginShellIsNamedWithADash) {
  EXPECT_THAT(CommandOf({"id"}, SHELL_LOGIN, "/bin/bash").argv, ElementsAre("-bash", "-c", "id"));
}

TEST(CommandTest, WithoutAShellTheWordsAreTheProgram) {
  const Command command = CommandOf({"ls", "a b"}, SHELL_NONE, "/bin/bash");
  EXPECT_EQ(command.file, "ls");
  EXPECT_THAT(command.argv, ElementsAre("ls", "a b"));
}

TEST(CommandTest, IsShownAsOneEscapedLineOfBoundedLength) {
  EXPECT_EQ(ShownCommand({}, "/bin/bash"), "/bin/bash");
  EXPECT_EQ(ShownCommand({"ls | wc -l"}, "/bin/bash"), "ls | wc -l");
  EXPECT_EQ(ShownCommand({"echo", "a b", "\x1b[0m"}, "/bin/bash"), "echo 'a b' '\\x1b[0m'");
  const std::string shown = ShownCommand({"echo", std::string(199, 'x').append("ééé")}, "/bin/bash");
  EXPECT_LT(shown.size(), 210u);
}

}  // namespace
}  // namespace wslm::init
