#include "distros/host/spawn.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/test_folder.h"

namespace wslm {
namespace {

class SpawnTest : public ::testing::Test {
 protected:
  // What the shell line says, and its exit code.
  std::string Run(SpawnPlan& plan, const std::string& line, int& code) {
    const std::string file = folder_.path() + "/output";
    plan.SetOutput(file, O_WRONLY | O_CREAT | O_TRUNC);
    const auto pid = plan.Spawn("/bin/sh", {"sh", "-c", line, "name", "two words"}, {"PATH=/bin:/usr/bin", "SEEN=yes"});
    EXPECT_TRUE(pid.ok()) << pid.status();
    int status = 0;
    ::waitpid(*pid, &status, 0);
    code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return *ReadSmallFile(file);
  }

  TestFolder folder_;
};

TEST_F(SpawnTest, ArgumentsEnvironmentOutputAndExitCode) {
  SpawnPlan plan;
  int code = 0;
  EXPECT_EQ(Run(plan, "cat; echo \"$1\" $SEEN; echo wrong >&2; exit 3", code), "two words yes\nwrong\n");
  EXPECT_EQ(code, 3);
}

TEST_F(SpawnTest, NoDescriptorButTheGivenAndNoSignalIgnored) {
  const int extra = ::open("/dev/null", O_RDONLY);
  ASSERT_GE(extra, 0);
  const int high = ::fcntl(extra, F_DUPFD, 10);
  ::signal(SIGPIPE, SIG_IGN);
  SpawnPlan plan;
  plan.Give(high, 3);
  plan.SetDaemon();
  int code = 0;
  // 4 is that of the listing itself.
  EXPECT_EQ(Run(plan, "pwd; ls /proc/self/fd; kill -PIPE $$", code), "/\n0\n1\n2\n3\n4\n");
  EXPECT_EQ(code, -SIGPIPE);
  ::signal(SIGPIPE, SIG_DFL);
  ::close(high);
  ::close(extra);
}

TEST_F(SpawnTest, AMissingProgramIsAnError) {
  SpawnPlan plan;
  EXPECT_EQ(plan.Spawn("/nonexistent/program", {"program"}, {}).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace wslm
