#include "runtime-v2/agent/processes.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace wslm {
namespace {

TEST(ProcessesTest, AStartTellsAProcessFromAnother) {
  const auto own = StartOfProcess(::getpid());
  ASSERT_TRUE(own.has_value());
  ::prctl(PR_SET_NAME, "a) R 1 (b");
  EXPECT_EQ(StartOfProcess(::getpid()), own);
  EXPECT_LT(StartOfProcess(1), own);
  const pid_t child = ::fork();
  if (child == 0) {
    while (true) ::pause();
  }
  EXPECT_GE(StartOfProcess(child), own);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(StartOfProcess(child), std::nullopt);
}

}  // namespace
}  // namespace wslm
