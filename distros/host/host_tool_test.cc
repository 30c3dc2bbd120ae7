#include "distros/host/host_tool.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/test_folder.h"

namespace wslm {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(HostTool, TellsOutputAndExitCode) {
  const auto result = RunTool("sh", {"-c", "echo out; echo err >&2; exit 3"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, "out\nerr\n");
  EXPECT_EQ(result->exit_code, 3);
}

TEST(HostTool, MuchOutputIsCutAndDoesNotHoldIt) {
  const auto result = RunTool("sh", {"-c", "head -c 1000000 /dev/zero | tr '\\0' x"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output.size(), 65536u);
}

TEST(HostTool, WhatIsNotInstalledIsNamed) {
  EXPECT_EQ(ReasonOf(RunTool("wslm-no-such-program", {}).status()), reason::kHostUnsupported);
}

TEST(HostTool, ASignalIsAnError) {
  const auto result = RunTool("sh", {"-c", "kill -SEGV $$"});
  EXPECT_EQ(ReasonOf(result.status()), reason::kIoError);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("signal 11"));
}

TEST(HostTool, CancelKillsTheProgramAtOnce) {
  std::atomic<bool> cancel = false;
  const TestFolder folder;
  std::thread later([&cancel] {
    std::this_thread::sleep_for(milliseconds(300));
    cancel = true;
  });
  const auto begin = steady_clock::now();
  // Also when it has closed its output.
  const auto result =
      RunTool("sh", {"-c", "echo $$ > \"$0\"; exec sleep 60 > /dev/null 2>&1", folder / "pid"}, {.cancel = &cancel});
  EXPECT_LT(steady_clock::now() - begin, milliseconds(5000));
  later.join();
  EXPECT_EQ(ReasonOf(result.status()), reason::kCancelled);
  const pid_t pid = std::stoi(*ReadSmallFile(folder / "pid"));
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST(HostTool, ATimeoutIsAnError) {
  const auto result = RunTool("sleep", {"60"}, {.timeout = milliseconds(100)});
  EXPECT_EQ(ReasonOf(result.status()), reason::kIoError);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("0.1 s"));
}

TEST(HostTool, BoundsAreSetBeforeTheProgramStarts) {
  const auto result =
      RunTool("sh", {"-c", "ulimit -v; ulimit -t; ulimit -c"}, {.memory = 512 << 20, .processor_seconds = 77});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, "524288\n77\n0\n");
}

TEST(HostTool, GivesFilesAndNothingElse) {
  const TestFolder folder;
  ASSERT_TRUE(WriteFileAtomically(folder / "a", "first ").ok());
  ASSERT_TRUE(WriteFileAtomically(folder / "b", "second").ok());
  const auto a = OpenFile(folder / "a", O_RDONLY);
  const auto b = OpenFile(folder / "b", O_RDONLY);
  const auto result = RunTool("sh", {"-c", "cat /dev/fd/3 /dev/fd/4; test -e /dev/fd/5 || echo ' end'"},
                              {.descriptors = {b->get(), a->get()}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, "secondfirst  end\n");
}

TEST(HostTool, DiesWithTheThreadThatWaits) {
  const TestFolder folder;
  const std::string pid_file = folder / "pid";
  const pid_t child = ::fork();
  if (child == 0) {
    (void)RunTool("sh", {"-c", "echo $$ > \"$0\"; exec sleep 60", pid_file});
    ::_exit(0);
  }
  std::string text;
  for (int i = 0; i < 500 && text.empty(); ++i) {
    std::this_thread::sleep_for(milliseconds(20));
    text = ReadSmallFile(pid_file).value_or("");
  }
  ASSERT_FALSE(text.empty());
  const pid_t pid = std::stoi(text);
  ::kill(child, SIGKILL);
  // The child's child falls to init, or stays a zombie where there is none that waits for it.
  std::string state = "State:\tS";
  for (int i = 0; i < 250 && !state.empty() && state.find("Z (zombie)") == std::string::npos; ++i) {
    std::this_thread::sleep_for(milliseconds(20));
    state = ReadSmallFile("/proc/" + std::to_string(pid) + "/status").value_or("");
  }
  EXPECT_TRUE(state.empty() || state.find("Z (zombie)") != std::string::npos) << state;
}

}  // namespace
}  // namespace wslm
