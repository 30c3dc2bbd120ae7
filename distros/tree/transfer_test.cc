#include "distros/tree/transfer.h"

#include "absl/synchronization/notification.h"
#include "distros/host/error.h"
#include "distros/tree/test_tree.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using testing::ElementsAre;

TEST(Transfer, CopiesAllEntriesAndCommits) {
  TestSource source({Folder(""), File("a", "content"), HardLink("b", "a"), Symlink("c", "a")});
  TestSink sink;
  const absl::StatusOr<TransferResult> result = Transfer(source, sink, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(sink.committed);
  ASSERT_EQ(sink.files.size(), 4u);
  EXPECT_EQ(sink.files[1].blocks[0].second, "content");
  EXPECT_THAT(result->warnings, ElementsAre("odd"));
  EXPECT_THAT(result->losses, ElementsAre("lost"));
  TestSource again(sink.files);
  EXPECT_EQ(*DigestOf(again, {}), result->digest);
}

TEST(Transfer, ASourceWithoutEntriesIsNoDistro) {
  TestSource source({});
  TestSink sink;
  EXPECT_EQ(ReasonOf(Transfer(source, sink, {}).status()), reason::kNotADistro);
  EXPECT_FALSE(sink.committed);
}

TEST(Transfer, ACancelledOneStopsAndDoesNotCommit) {
  TestSource source({File("a", "1"), File("b", "2")});
  TestSink sink;
  const CancelFlag cancel = true;
  EXPECT_EQ(ReasonOf(Transfer(source, sink, {.cancel = &cancel}).status()), reason::kCancelled);
  EXPECT_FALSE(sink.committed);
}

TEST(Transfer, NoBadEntryReachesTheSink) {
  for (const TestFile& bad : {File("../x", ""), File("a/b", ""), HardLink("x", "../x")}) {
    TestSource source({File("a", ""), bad});
    TestSink sink;
    EXPECT_EQ(ReasonOf(Transfer(source, sink, {}).status()), reason::kCorruptSource);
    EXPECT_EQ(sink.files.size(), 1u);
    EXPECT_FALSE(sink.committed);
  }
}

TEST(Transfer, ContentOutsideOfItsFileOrNotInOrderReachesNoSink) {
  const std::vector<std::vector<std::pair<int64_t, std::string>>> bad = {
      {{-1, "x"}},    {{3, "xy"}},          {{4, "x"}},           {{INT64_MAX, "x"}},
      {{0, "12345"}}, {{2, "x"}, {0, "y"}}, {{0, "ab"}, {1, "c"}}};
  for (const auto& blocks : bad) {
    TestFile file = File("a", "");
    file.entry.size = 4;
    file.blocks = blocks;
    TestSource source({file});
    TestSink sink;
    EXPECT_EQ(ReasonOf(Transfer(source, sink, {}).status()), reason::kCorruptSource);
    EXPECT_FALSE(sink.committed);
    EXPECT_LT(sink.files[0].blocks.size(), blocks.size());
  }
}

// Fails at the entry "bad".
class FailingSink : public TestSink {
 public:
  absl::Status Begin(const Entry& entry) override {
    if (entry.path == "bad") return ErrnoError("cannot write", entry.path, ENOSPC);
    return TestSink::Begin(entry);
  }
};

TEST(Transfer, ASinkThatFailsEndsItHoweverMuchIsStillToCome) {
  std::vector<TestFile> files = {File("a", "x"), File("bad", "")};
  for (int i = 0; i < 40; ++i) files.push_back(File(std::to_string(i), std::string(1 << 20, 'x')));
  TestSource source(files);
  FailingSink sink;
  EXPECT_EQ(ReasonOf(Transfer(source, sink, {}).status()), reason::kDiskFull);
  EXPECT_EQ(sink.files.size(), 1u);
  EXPECT_FALSE(sink.committed);
  EXPECT_LT(source.position(), 20);
}

// Waits, behind its first file, until it is told not to.
class StalledSource : public TestSource {
 public:
  using TestSource::TestSource;
  absl::StatusOr<bool> Next(Entry& entry) override {
    if (position() > 0) go_on.WaitForNotification();
    return TestSource::Next(entry);
  }
  absl::Notification go_on;
};

TEST(Transfer, ASinkThatFailsDoesNotWaitForASourceThatStalls) {
  // More than is handed over at once.
  StalledSource source({File("bad", std::string(size_t{2} << 20, 'x')), File("b", "")});
  FailingSink sink;
  absl::Status told;
  const TransferOptions options{.interrupt_source = [&](const absl::Status& why) {
    told = why;
    source.go_on.Notify();
  }};
  EXPECT_EQ(ReasonOf(Transfer(source, sink, options).status()), reason::kDiskFull);
  EXPECT_EQ(ReasonOf(told), reason::kDiskFull);
}

TEST(Transfer, WhatComesFirstFailsIt) {
  for (const bool sink_first : {true, false}) {
    TestSource source(sink_first ? std::vector{File("bad", ""), File("../x", "")}
                                 : std::vector{File("../x", ""), File("bad", "")});
    FailingSink sink;
    EXPECT_EQ(ReasonOf(Transfer(source, sink, {}).status()), sink_first ? reason::kDiskFull : reason::kCorruptSource);
  }
}

TEST(Transfer, WhatCannotBeInATreeIsNoEntryToTheSink) {
  TestSource below({File("a", "x"), File("a/b", "")});
  TestSink sink;
  EXPECT_EQ(ReasonOf(Transfer(below, sink, {}).status()), reason::kCorruptSource);
  EXPECT_EQ(sink.files.size(), 1u);
  TestSource link({File("a", "x"), HardLink("b", "nothing")});
  EXPECT_EQ(ReasonOf(Transfer(link, sink, {}).status()), reason::kCorruptSource);
  EXPECT_FALSE(sink.committed);
}

TEST(Transfer, ItIsCancelledFromItsProgress) {
  std::vector<TestFile> files;
  for (int i = 0; i < 40; ++i) files.push_back(File(std::to_string(i), std::string(1 << 20, 'x')));
  TestSource source(files);
  TestSink sink;
  CancelFlag cancel = false;
  const TransferOptions options{.progress = [&](const TransferProgress&) { cancel = true; }, .cancel = &cancel};
  EXPECT_EQ(ReasonOf(Transfer(source, sink, options).status()), reason::kCancelled);
  EXPECT_FALSE(sink.committed);
  EXPECT_LT(source.position(), 20);
}

TEST(Transfer, TellsProgressAtMostTenTimesASecond) {
  std::vector<TestFile> files;
  for (int i = 0; i < 1000; ++i) files.push_back(File(std::to_string(i), "x"));
  TestSource source(files);
  std::vector<TransferProgress> told;
  ASSERT_TRUE(DigestOf(source, {.progress = [&](const TransferProgress& progress) { told.push_back(progress); }}).ok());
  EXPECT_GE(told.size(), 1u);
  EXPECT_LE(told.size(), 50u);
  EXPECT_EQ(told[0].total, 1000);
}

}  // namespace
}  // namespace wslm
