#include "cli/run_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wslm::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

RunOptions Parse(const std::vector<std::string>& words, RunForm form = RunForm::kShort) {
  absl::StatusOr<RunOptions> options = ParseRunOptions(form, words);
  EXPECT_TRUE(options.ok()) << options.status();
  return options.value_or(RunOptions());
}

std::string Refusal(const std::vector<std::string>& words, RunForm form = RunForm::kShort) {
  return std::string(ParseRunOptions(form, words).status().message());
}

TEST(RunOptions, NothingIsTheLoginShellOfTheDefaultDistro) {
  const RunOptions options = Parse({});
  EXPECT_EQ(options.distro, "");
  EXPECT_THAT(options.command, IsEmpty());
  EXPECT_EQ(options.shell, RunShell::kCommand);
}

TEST(RunOptions, OptionsEndAtTheFirstWordThatIsNone) {
  const RunOptions options = Parse({"-d", "deb", "-u", "ann", "--cd", "/tmp", "ls", "-d", "--help", "--"});
  EXPECT_EQ(options.distro, "deb");
  EXPECT_EQ(options.user, "ann");
  EXPECT_EQ(options.folder, "/tmp");
  EXPECT_THAT(options.command, ElementsAre("ls", "-d", "--help", "--"));
}

TEST(RunOptions, TwoDashesEndThemToo) {
  EXPECT_THAT(Parse({"--", "-x", "--"}).command, ElementsAre("-x", "--"));
  EXPECT_THAT(Parse({"-d", "deb", "--"}).command, IsEmpty());
}

TEST(RunOptions, ValuesMayBeAttached) {
  const RunOptions options = Parse({"-ddeb", "-uann", "--cd=/a=b", "x"});
  EXPECT_EQ(options.distro, "deb");
  EXPECT_EQ(options.user, "ann");
  EXPECT_EQ(options.folder, "/a=b");
}

TEST(RunOptions, TheGuestsBytesAreKept) {
  const std::string odd = "\xff\n\t\x1b";
  EXPECT_THAT(Parse({"-e", odd, ""}).command, ElementsAre(odd, ""));
}

TEST(RunOptions, TheShellIsChosen) {
  EXPECT_EQ(Parse({"-e", "ls"}).shell, RunShell::kNone);
  EXPECT_EQ(Parse({"--shell-type", "login", "ls"}).shell, RunShell::kLogin);
  EXPECT_EQ(Parse({"--shell-type", "none", "ls"}).shell, RunShell::kNone);
  EXPECT_THAT(Refusal({"--shell-type", "fish", "ls"}), HasSubstr("fish"));
  EXPECT_THAT(Refusal({"-e"}), HasSubstr("program"));
}

TEST(RunOptions, TheLongFormHasMore) {
  const RunOptions options = Parse({"-E", "A=b=c", "-E", "D=", "--no-tty", "--detach", "sleep", "1"}, RunForm::kRun);
  EXPECT_THAT(options.environment, ElementsAre(Pair("A", "b=c"), Pair("D", "")));
  EXPECT_EQ(options.terminal, false);
  EXPECT_TRUE(options.detach);
  EXPECT_EQ(Parse({"--tty"}, RunForm::kRun).terminal, true);
  EXPECT_EQ(Parse({}, RunForm::kRun).terminal, std::nullopt);
  EXPECT_THAT(Refusal({"--tty", "ls"}), HasSubstr("wslm run"));
}

TEST(RunOptions, WhatIsWrongIsSaid) {
  EXPECT_THAT(Refusal({"-z"}), HasSubstr("'-z'"));
  EXPECT_THAT(Refusal({"--cd-rom", "x"}), HasSubstr("'--cd-rom'"));
  EXPECT_THAT(Refusal({"--install", "Debian"}), HasSubstr("'wslm pull NAME IMAGE'"));
  EXPECT_THAT(Refusal({"-d"}), HasSubstr("-d wants a value"));
  EXPECT_THAT(Refusal({"-d", "a", "-d", "b"}), HasSubstr("twice"));
  EXPECT_THAT(Refusal({"-d", "", "ls"}), HasSubstr("empty"));
  EXPECT_THAT(Refusal({"-u", "\xff", "ls"}), HasSubstr("UTF-8"));
  EXPECT_THAT(Refusal({"-E", "novalue"}, RunForm::kRun), HasSubstr("NAME=VALUE"));
  EXPECT_THAT(Refusal({"-E", "=x"}, RunForm::kRun), HasSubstr("NAME=VALUE"));
  EXPECT_THAT(Refusal({"--tty", "--no-tty"}, RunForm::kRun), HasSubstr("one of"));
  EXPECT_THAT(Refusal({"--detach"}, RunForm::kRun), HasSubstr("command"));
}

TEST(RunOptions, HelpIsAskedForBeforeTheGuestsWords) {
  EXPECT_TRUE(Parse({"-d", "deb", "--help"}).help);
  EXPECT_FALSE(Parse({"ls", "--help"}).help);
}

}  // namespace
}  // namespace wslm::cli
