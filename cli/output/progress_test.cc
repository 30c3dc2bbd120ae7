#include "cli/output/progress.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/output/text.h"
#include "distros/host/unique_fd.h"

namespace wslm::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

v1::Operation Copying(int64_t done, int64_t total) {
  v1::Operation operation;
  operation.set_state(v1::OPERATION_STATE_RUNNING);
  v1::Progress& progress = *operation.mutable_progress();
  progress.set_phase(v1::PROGRESS_PHASE_COPY);
  progress.set_unit(v1::PROGRESS_UNIT_BYTES);
  progress.set_done(done);
  progress.set_total(total);
  progress.set_current_item("usr/share/doc/some/very/long/path/of/a/file.txt");
  return operation;
}

TEST(ProgressLine, HoldsPhasePartRateTimeAndItem) {
  EXPECT_EQ(ProgressLine(Copying(512 << 20, 1 << 30), 64 << 20, 120),
            "Copying 50%, 512 MiB of 1.0 GiB, 64 MiB/s, 8.0 s left  usr/share/doc/some/very/long/path/of/a/file.txt");
}

TEST(ProgressLine, FitsIntoItsWidth) {
  for (size_t width = 0; width < 120; ++width) {
    EXPECT_LE(DisplayWidth(ProgressLine(Copying(512 << 20, 1 << 30), 64 << 20, width)), width);
  }
  EXPECT_THAT(ProgressLine(Copying(512 << 20, 1 << 30), 64 << 20, 79), HasSubstr("..."));
}

TEST(ProgressLine, LeavesOutWhatDoesNotFitRatherThanCutNumbers) {
  const auto line = [](size_t width) { return ProgressLine(Copying(512 << 20, 1 << 30), 64 << 20, width); };
  EXPECT_EQ(line(60), "Copying 50%, 512 MiB of 1.0 GiB, 64 MiB/s, 8.0 s left");
  EXPECT_EQ(line(50), "Copying 50%, 512 MiB of 1.0 GiB, 8.0 s left");
  EXPECT_EQ(line(39), "Copying 50%, 512 MiB of 1.0 GiB");
}

TEST(ProgressLine, SaysOnlyWhatIsKnown) {
  EXPECT_THAT(ProgressLine(Copying(1024, 0), std::nullopt, 80), StartsWith("Copying 1.0 KiB  usr/"));
  EXPECT_EQ(ProgressLine(v1::Operation(), std::nullopt, 80), "Preparing");
}

TEST(ProgressLine, TellsARollBack) {
  v1::Operation operation = Copying(1, 2);
  operation.set_state(v1::OPERATION_STATE_CANCELLING);
  EXPECT_THAT(ProgressLine(operation, std::nullopt, 80), StartsWith("Rolling back"));
}

TEST(ProgressLine, EscapesTheItem) {
  v1::Operation operation = Copying(1, 2);
  operation.mutable_progress()->set_current_item("evil\x1b[2Jname");
  EXPECT_THAT(ProgressLine(operation, std::nullopt, 120), Not(HasSubstr("\x1b")));
}

TEST(RateMeter, LooksAtTheLastSecondsOfOnePhase) {
  RateMeter meter;
  const absl::Time start = absl::UnixEpoch();
  v1::Progress progress = Copying(0, 0).progress();
  meter.Add(progress, start);
  EXPECT_EQ(meter.PerSecond(), std::nullopt);
  progress.set_done(1000);
  meter.Add(progress, start + absl::Seconds(1));
  EXPECT_DOUBLE_EQ(meter.PerSecond().value_or(0), 1000);
  progress.set_phase(v1::PROGRESS_PHASE_VERIFY);
  meter.Add(progress, start + absl::Seconds(2));
  EXPECT_EQ(meter.PerSecond(), std::nullopt);
}

TEST(ProgressDisplay, WithoutATerminalWritesPlainLinesNowAndThen) {
  int fds[2];
  ASSERT_EQ(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
  const UniqueFd reader(fds[0]);
  const UniqueFd writer(fds[1]);
  Console console(writer.get(), writer.get());
  const absl::Time start = absl::UnixEpoch();
  ProgressDisplay display(console, start);
  for (int i = 0; i <= 120; ++i) display.Update(Copying(i, 1000), start + absl::Milliseconds(100) * i);
  display.Clear();
  std::string text(4096, '\0');
  text.resize(static_cast<size_t>(std::max<ssize_t>(read(reader.get(), text.data(), text.size()), 0)));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\r")));
}

}  // namespace
}  // namespace wslm::cli
