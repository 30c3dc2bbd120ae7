#include "cli/output/wait_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/time/clock.h"
#include "distros/host/unique_fd.h"

namespace wslm::cli {
namespace {

// What a wait of this length shows on a terminal.
std::string Shown(absl::Duration wait) {
  int ends[2];
  EXPECT_EQ(::openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr), 0);
  const UniqueFd person(ends[0]);
  const UniqueFd terminal(ends[1]);
  Console console(terminal.get(), terminal.get());
  {
    const WaitLine waiting(console, "Stopping debian");
    absl::SleepFor(wait);
  }
  console.Note("over");
  std::string text(4096, '\0');
  const ssize_t got = ::read(person.get(), text.data(), text.size());
  text.resize(got < 0 ? 0 : static_cast<size_t>(got));
  return text;
}

TEST(WaitLineTest, ALongWaitIsShownAndAShortOneIsNot) {
  ::setenv("TERM", "xterm", 1);
  EXPECT_THAT(Shown(absl::Milliseconds(600)), testing::HasSubstr("Stopping debian..."));
  EXPECT_EQ(Shown(absl::ZeroDuration()), "over\r\n");
}

TEST(WaitLineTest, NothingIsShownWhereThereIsNoTerminal) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  Console console(writer.get(), writer.get());
  {
    const WaitLine waiting(console, "Stopping debian");
    absl::SleepFor(absl::Milliseconds(400));
  }
  char byte;
  EXPECT_LT(::read(reader.get(), &byte, 1), 0);
}

}  // namespace
}  // namespace wslm::cli
