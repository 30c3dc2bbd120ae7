#include "runtime-v1/init/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wslm::init {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

const User kAlice = {.name = "alice", .uid = 1000, .gid = 1000, .home = "/home/alice", .shell = "/bin/bash"};
const User kRoot = {.name = "root", .home = "/root", .shell = "/bin/sh"};

TEST(EnvironmentTest, AssignmentsMayBeQuotedExportedAndCommented) {
  EXPECT_THAT(ParseAssignments("# no\nA=1\n export B=\"two words\" \nC='x'\nD=\nno assignment\n=v\nE=a=b\nF=\"half\n"),
              ElementsAre(Pair("A", "1"), Pair("B", "two words"), Pair("C", "x"), Pair("D", ""), Pair("E", "a=b"),
                          Pair("F", "\"half")));
}

TEST(EnvironmentTest, HoldsWhatLoginSetsAndNothingElse) {
  ::wslm::runtime::v1::InstanceConfig config;
  config.set_distro_name("deb");
  const Environment environment = EnvironmentOf(kAlice, {}, config, {}, "box");
  EXPECT_THAT(environment, ElementsAre(Pair("HOME", "/home/alice"), Pair("HOSTTYPE", "x86_64"),
                                       Pair("LOGNAME", "alice"), Pair("NAME", "box"),
                                       Pair("PATH", ::testing::HasSubstr("/usr/bin")), Pair("SHELL", "/bin/bash"),
                                       Pair("TERM", "dumb"), Pair("USER", "alice"), Pair("WSL_DISTRO_NAME", "deb")));
}

TEST(EnvironmentTest, PathComesFromTheDistrosOwnFiles) {
  const EnvironmentFiles login_defs = {.login_defs = "ENV_SUPATH\tPATH=/su\nENV_PATH PATH=/user\nENV_PATHX PATH=/no\n"};
  EXPECT_EQ(EnvironmentOf(kRoot, login_defs, {}, {}, "")["PATH"], "/su");
  EXPECT_EQ(EnvironmentOf(kAlice, login_defs, {}, {}, "")["PATH"], "/user");
  EnvironmentFiles both = login_defs;
  both.environment = "PATH=\"/etc-environment\"\nhttp_proxy=http://p\nHOME=/wrong\n";
  Environment environment = EnvironmentOf(kAlice, both, {}, {}, "");
  EXPECT_EQ(environment["PATH"], "/etc-environment");
  EXPECT_EQ(environment["http_proxy"], "http://p");
  EXPECT_EQ(environment["HOME"], "/home/alice");
}

TEST(EnvironmentTest, LocaleFileSetsOnlyLocaleVariables) {
  Environment environment = EnvironmentOf(kAlice, {.locale = "LANG=de_DE.UTF-8\nLD_PRELOAD=/x\n"}, {}, {}, "");
  EXPECT_EQ(environment["LANG"], "de_DE.UTF-8");
  EXPECT_EQ(environment.count("LD_PRELOAD"), 0u);
}

TEST(EnvironmentTest, TermIsTheCallersElseFitsTheStreams) {
  ::wslm::runtime::v1::SessionStart start;
  start.set_stderr_terminal(true);
  EXPECT_EQ(EnvironmentOf(kAlice, {}, {}, start, "")["TERM"], "xterm");
  start.set_term("screen");
  EXPECT_EQ(EnvironmentOf(kAlice, {}, {}, start, "")["TERM"], "screen");
}

TEST(EnvironmentTest, TheCallersVariablesWinAndBadNamesAreLeftOut) {
  ::wslm::runtime::v1::SessionStart start;
  const auto add = [&](const std::string& name, const std::string& value) {
    start.add_environment()->set_name(name);
    start.mutable_environment()->rbegin()->set_value(value);
  };
  add("HOME", "/elsewhere");
  add("A=B", "x");
  add("", "x");
  add("NUL", std::string("a\0b", 3));
  Environment environment = EnvironmentOf(kAlice, {}, {}, start, "");
  EXPECT_EQ(environment["HOME"], "/elsewhere");
  EXPECT_EQ(environment.count("A=B") + environment.count("") + environment.count("NUL"), 0u);
}

}  // namespace
}  // namespace wslm::init
