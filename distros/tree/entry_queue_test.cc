#include "distros/tree/entry_queue.h"

#include <atomic>
#include <thread>

#include "distros/host/error.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

TEST(EntryQueue, WhatIsPutInComesOutInItsOrder) {
  EntryQueue queue;
  std::string content(5'000'000, 'x');
  for (size_t i = 0; i < content.size(); i += 1000) content[i] = static_cast<char>(i / 1000);
  std::thread reader([&] {
    for (int i = 0; i < 2000; ++i) {
      queue.Begin({.path = std::to_string(i)});
      queue.Write({.offset = i, .bytes = "ab"});
      queue.End();
    }
    queue.Begin({.path = "large"});
    queue.Write({.offset = 7, .bytes = content});
    queue.End();
    queue.Finish(absl::OkStatus());
  });
  EntryQueue::Batch batch;
  int begun = 0;
  int ended = 0;
  std::string path;
  std::string large;
  while (queue.Take(batch) != EntryQueue::Taken::kEnd) {
    for (const EntryQueue::Step& step : batch.steps()) {
      if (const auto* entry = std::get_if<Entry>(&step)) {
        path = entry->path;
        EXPECT_EQ(path, begun == 2000 ? "large" : std::to_string(begun));
        ++begun;
      } else if (const auto* piece = std::get_if<EntryQueue::Piece>(&step)) {
        const DataBlock block = batch.Block(*piece);
        if (path == "large") {
          EXPECT_EQ(block.offset, 7 + static_cast<int64_t>(large.size()));
          large += block.bytes;
        } else {
          EXPECT_EQ(block.offset, begun - 1);
          EXPECT_EQ(block.bytes, "ab");
        }
      } else {
        ++ended;
        EXPECT_EQ(ended, begun);
      }
    }
  }
  reader.join();
  EXPECT_TRUE(queue.status().ok());
  EXPECT_EQ(ended, 2001);
  EXPECT_EQ(large, content);
}

TEST(EntryQueue, AReaderThatIsFarAheadWaitsAndGoesOnWhenItIsToStop) {
  EntryQueue queue;
  int64_t written = 0;
  std::thread reader([&] {
    const std::string bytes(100'000, 'x');
    queue.Begin({.path = "a"});
    while (queue.Write({.offset = written, .bytes = bytes})) written += 100'000;
    queue.Finish(absl::OkStatus());
  });
  EntryQueue::Batch batch;
  EXPECT_EQ(queue.Take(batch), EntryQueue::Taken::kBatch);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  queue.Stop();
  reader.join();
  EXPECT_LE(written, 8 << 20);
}

TEST(EntryQueue, AnEntryHeavierThanAllThatMayWaitPasses) {
  EntryQueue queue;
  Entry heavy{.path = "a"};
  heavy.extents.emplace(1'000'000);
  std::thread reader([&] {
    for (int i = 0; i < 3; ++i) queue.Begin(heavy);
    queue.Finish(ErrnoError("cannot read", "x", EIO));
  });
  EntryQueue::Batch batch;
  for (int i = 0; i < 3; ++i) {
    while (queue.Take(batch) == EntryQueue::Taken::kNothing) {
    }
    EXPECT_EQ(batch.steps().size(), 1u);
  }
  while (queue.Take(batch) == EntryQueue::Taken::kNothing) {
  }
  reader.join();
  EXPECT_EQ(ReasonOf(queue.status()), reason::kIoError);
}

TEST(EntryQueue, ACheckerHasEachBatchBeforeTheWorker) {
  EntryQueue queue(EntryQueue::Checker::kOne);
  std::thread reader([&] {
    for (int i = 0; i < 40; ++i) queue.Write({.offset = i, .bytes = std::string(1 << 20, 'x')});
    queue.Finish(absl::OkStatus());
  });
  std::atomic<int> passed = 0;
  std::thread checker([&] {
    EntryQueue::Batch batch;
    EntryQueue::Taken taken;
    while ((taken = queue.TakeToCheck(batch)) == EntryQueue::Taken::kBatch) {
      ++passed;
      queue.Pass(std::move(batch));
    }
    EXPECT_EQ(taken, EntryQueue::Taken::kEnd);
    queue.FinishCheck(absl::OkStatus());
  });
  EntryQueue::Batch batch;
  EntryQueue::Taken taken;
  int batches = 0;
  size_t bytes = 0;
  while ((taken = queue.Take(batch)) != EntryQueue::Taken::kEnd) {
    if (taken == EntryQueue::Taken::kNothing) continue;
    EXPECT_LE(++batches, passed);
    for (const EntryQueue::Step& step : batch.steps()) bytes += std::get<EntryQueue::Piece>(step).size;
  }
  reader.join();
  checker.join();
  EXPECT_TRUE(queue.status().ok());
  EXPECT_EQ(bytes, size_t{40} << 20);
}

TEST(EntryQueue, WhatACheckerRefusesEndsItBehindWhatItPassed) {
  EntryQueue queue(EntryQueue::Checker::kOne);
  std::thread reader([&] {
    while (queue.Begin({.path = "a"}) && queue.Begin({.path = "b"})) {
    }
    queue.Finish(absl::OkStatus());
  });
  EntryQueue::Batch batch;
  ASSERT_EQ(queue.TakeToCheck(batch), EntryQueue::Taken::kBatch);
  batch.Cut(1);
  queue.Pass(std::move(batch));
  queue.FinishCheck(ErrnoError("cannot check", "x", EIO));
  reader.join();
  ASSERT_EQ(queue.Take(batch), EntryQueue::Taken::kBatch);
  ASSERT_EQ(batch.steps().size(), 1u);
  EXPECT_EQ(std::get<Entry>(batch.steps()[0]).path, "a");
  EXPECT_EQ(queue.Take(batch), EntryQueue::Taken::kEnd);
  EXPECT_EQ(ReasonOf(queue.status()), reason::kIoError);
}

TEST(EntryQueue, TheReadersErrorCountsBeforeTheCheckers) {
  EntryQueue queue(EntryQueue::Checker::kOne);
  queue.Begin({.path = "a"});
  queue.Finish(ErrnoError("cannot read", "x", ENOSPC));
  EntryQueue::Batch batch;
  ASSERT_EQ(queue.TakeToCheck(batch), EntryQueue::Taken::kBatch);
  queue.Pass(std::move(batch));
  EXPECT_EQ(queue.TakeToCheck(batch), EntryQueue::Taken::kNothing);
  queue.FinishCheck(ErrnoError("cannot check", "x", EIO));
  EXPECT_EQ(queue.Take(batch), EntryQueue::Taken::kBatch);
  EXPECT_EQ(queue.Take(batch), EntryQueue::Taken::kEnd);
  EXPECT_EQ(ReasonOf(queue.status()), reason::kDiskFull);
}

TEST(EntryQueue, TellsThatNothingCame) {
  EntryQueue queue;
  EntryQueue::Batch batch;
  EXPECT_EQ(queue.Take(batch), EntryQueue::Taken::kNothing);
  queue.Finish(absl::OkStatus());
  EXPECT_EQ(queue.Take(batch), EntryQueue::Taken::kEnd);
}

}  // namespace
}  // namespace wslm
