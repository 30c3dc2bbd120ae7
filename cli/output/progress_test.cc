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
  operation.mutable_progress()->mutable_eta()->set_seconds(60);
  // Nothing of how far the copy was.
  EXPECT_EQ(ProgressLine(operation, 1000, 80), "Rolling back");
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

// What is written elsewhere than on a terminal when an operation is `at(i)` after i tenths of a second, for `tenths`.
std::string PlainLines(int tenths, const std::function<v1::Operation(int)>& at) {
  int fds[2];
  EXPECT_EQ(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
  const UniqueFd reader(fds[0]);
  const UniqueFd writer(fds[1]);
  Console console(writer.get(), writer.get());
  const absl::Time start = absl::UnixEpoch();
  ProgressDisplay display(console, start);
  for (int i = 0; i <= tenths; ++i) display.Update(at(i), start + absl::Milliseconds(100) * i);
  display.Clear();
  std::string text(4096, '\0');
  text.resize(static_cast<size_t>(std::max<ssize_t>(read(reader.get(), text.data(), text.size()), 0)));
  return text;
}

TEST(ProgressDisplay, WithoutATerminalWritesALineOnlyWhenItIsAnother) {
  // A copy of 12 seconds that is cancelled then, and a roll-back of a minute.
  const std::string text = PlainLines(720, [](int i) {
    v1::Operation operation = Copying(std::min(i, 120), 1000);
    if (i > 120) operation.set_state(v1::OPERATION_STATE_CANCELLING);
    return operation;
  });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << text;
  EXPECT_THAT(text, HasSubstr("\nRolling back\n"));
}

TEST(ProgressDisplay, WithoutATerminalWritesPlainLinesNowAndThen) {
  const std::string text = PlainLines(120, [](int i) { return Copying(i, 1000); });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\r")));
}

}  // namespace
}  // namespace wslm::cli
