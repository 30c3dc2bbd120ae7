#include "cli/api/daemon_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "cli/commands/commands.h"
#include "cli/exit_codes.h"
#include "cli/testing/fake_daemon.h"
#include "distros/host/error.h"
#include "distros/host/test_folder.h"

namespace wslm::cli {
namespace {

using ::testing::HasSubstr;

TEST(DaemonProcess, OneThatHeedsSigtermIsNotKilled) {
  const TestFolder folder;
  const HungProcess daemon("wslmd", folder / "socket", /*heeds=*/true);
  EXPECT_FALSE(WaitForEnd(daemon.pid(), absl::Milliseconds(50)));
  EXPECT_THAT(EndUnresponsiveDaemon(daemon.pid(), absl::Seconds(20)).value_or(""), HasSubstr("SIGTERM has ended it"));
  EXPECT_TRUE(daemon.gone());
  EXPECT_TRUE(WaitForEnd(daemon.pid(), absl::ZeroDuration()));
}

TEST(DaemonProcess, OneThatDoesNotIsKilled) {
  const TestFolder folder;
  const HungProcess daemon("wslmd", folder / "socket", /*heeds=*/false);
  EXPECT_THAT(EndUnresponsiveDaemon(daemon.pid(), absl::Milliseconds(100)).value_or(""),
              HasSubstr("SIGKILL has ended it"));
  EXPECT_TRUE(daemon.gone());
}

TEST(DaemonProcess, AnotherProgramThatListensIsLeftAlone) {
  const TestFolder folder;
  const HungProcess other("systemd", folder / "socket", /*heeds=*/true);
  EXPECT_TRUE(absl::IsFailedPrecondition(EndUnresponsiveDaemon(other.pid(), absl::ZeroDuration()).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(EndUnresponsiveDaemon(0, absl::ZeroDuration()).status()));
  EXPECT_FALSE(other.gone());
}

TEST(DaemonStop, EndsADaemonThatDoesNotAnswer) {
  const TestFolder folder;
  const HungProcess daemon("wslmd", folder / "socket", /*heeds=*/true);
  Client client(folder / "socket", DaemonLauncher(Home(), ""), /*patience=*/absl::Milliseconds(200));
  Pipe err;
  Console console(err.writer.get(), err.writer.get());
  const absl::StatusOr<int> code = MakeDaemonStopCommand(client, console)->Run();
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, kExitOk);
  EXPECT_TRUE(daemon.gone());
  EXPECT_THAT(err.Drain(), HasSubstr("SIGTERM has ended it"));
}

}  // namespace
}  // namespace wslm::cli
