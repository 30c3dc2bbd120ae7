#include "cli/legacy_spellings.h"

#include <gtest/gtest.h>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace wslm::cli {
namespace {

// Words apart by blanks, in and out.
std::string Rewrite(const std::string& line) {
  return absl::StrJoin(
      RewriteLegacySpellings(std::vector<std::string>(absl::StrSplit(line, ' ', absl::SkipEmpty())), "/home/ann"), " ");
}

TEST(LegacySpellings, CommandsAsOptionsBecomeCommands) {
  EXPECT_EQ(Rewrite("--import deb /d f.tar --version 2"), "import deb /d f.tar --version 2");
  EXPECT_EQ(Rewrite("--export deb -"), "export deb -");
  EXPECT_EQ(Rewrite("--export deb f --format tar.gz"), "export deb f --format tar.gz");
  EXPECT_EQ(Rewrite("-l -v"), "list -v");
  EXPECT_EQ(Rewrite("--list --verbose"), "list -v");
  EXPECT_EQ(Rewrite("--list --quiet --running"), "list -q --running");
  EXPECT_EQ(Rewrite("-l --all"), "list");
  EXPECT_EQ(Rewrite("-t deb"), "terminate deb");
  EXPECT_EQ(Rewrite("--terminate deb"), "terminate deb");
  EXPECT_EQ(Rewrite("--set-version deb 2"), "set-version deb 2");
  EXPECT_EQ(Rewrite("-s deb"), "set-default deb");
  EXPECT_EQ(Rewrite("--set-default deb"), "set-default deb");
  EXPECT_EQ(Rewrite("--setdefault deb"), "set-default deb");
  EXPECT_EQ(Rewrite("--shutdown --force"), "shutdown --force");
  EXPECT_EQ(Rewrite("--unregister deb"), "unregister deb");
  EXPECT_EQ(Rewrite("--mount /dev/sdb --partition 1"), "mount /dev/sdb --partition 1");
  EXPECT_EQ(Rewrite("--unmount /dev/sdb"), "unmount /dev/sdb");
  EXPECT_EQ(Rewrite("--status"), "status");
  EXPECT_EQ(Rewrite("--version"), "version");
  EXPECT_EQ(Rewrite("-v"), "version");
  EXPECT_EQ(Rewrite("--help"), "help");
}

TEST(LegacySpellings, WhatIsManagedIsACommandOfOurs) {
  EXPECT_EQ(Rewrite("--manage deb --resize 64GB"), "resize deb 64GB");
  EXPECT_EQ(Rewrite("--manage deb -r 64GB"), "resize deb 64GB");
  EXPECT_EQ(Rewrite("--manage deb --set-sparse true"), "--manage deb --set-sparse true");
}

TEST(LegacySpellings, OptionsOfARunBecomeOurs) {
  EXPECT_EQ(Rewrite("--distribution deb --user ann --exec ls --user"), "-d deb -u ann -e ls --user");
  EXPECT_EQ(Rewrite("--distribution=deb ls"), "-d deb ls");
  EXPECT_EQ(Rewrite("--distribution-id 12 ls"), "-d 12 ls");
  EXPECT_EQ(Rewrite("--cd / --exec pwd"), "--cd / -e pwd");
  EXPECT_EQ(Rewrite("--shell-type login --user ann"), "--shell-type login -u ann");
}

TEST(LegacySpellings, ATildeInFrontIsTheHomeInside) {
  EXPECT_EQ(Rewrite("~"), "--cd ~");
  EXPECT_EQ(Rewrite("~ --distribution deb ls ~"), "--cd ~ -d deb ls ~");
  // As a shell passes it on.
  EXPECT_EQ(Rewrite("/home/ann ls"), "--cd ~ ls");
  EXPECT_EQ(Rewrite("/home/bob ls"), "/home/bob ls");
}

TEST(LegacySpellings, TheGuestsWordsAreLeftAlone) {
  EXPECT_EQ(Rewrite("ls --list --user x"), "ls --list --user x");
  EXPECT_EQ(Rewrite("-d deb ls --user x"), "-d deb ls --user x");
  EXPECT_EQ(Rewrite("-- --user x"), "-- --user x");
  EXPECT_EQ(Rewrite("-d deb -- --exec"), "-d deb -- --exec");
  EXPECT_EQ(Rewrite("-d --user ls"), "-d --user ls") << "the value of -d";
  EXPECT_EQ(Rewrite("grep --quiet x"), "grep --quiet x");
}

TEST(LegacySpellings, OurOwnSpellingsAreUnchanged) {
  EXPECT_EQ(Rewrite(""), "");
  EXPECT_EQ(Rewrite("import deb f --user ann --version 1"), "import deb f --user ann --version 1");
  EXPECT_EQ(Rewrite("list -v"), "list -v");
}

}  // namespace
}  // namespace wslm::cli
