#include "distros/tree/transfer.h"

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/status_macros.h"
#include "distros/tree/entry_queue.h"
#include "distros/tree/transfer_watch.h"

namespace wslm {
namespace {

// Whether `block` lies within the file and behind `end`, where the one before ended; that is moved on.
absl::Status CheckBlock(const Entry& entry, const DataBlock& block, int64_t& end) {
  const auto size = static_cast<int64_t>(block.bytes.size());
  if (block.offset < end || size > entry.size || block.offset > entry.size - size) {
    const std::string detail = absl::StrCat("the content of '", Escaped(entry.path),
                                            "' does not agree with its size of ", entry.size, " bytes");
    return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
                 absl::StrCat("The source is damaged: ", detail, "."), {{"detail", detail}});
  }
  end = block.offset + size;
  return absl::OkStatus();
}

// How far the source is, for the thread that does not read it.
struct Position {
  explicit Position(const Source& source) { Take(source); }
  void Take(const Source& source) {
    done.store(source.position(), std::memory_order_relaxed);
    total.store(source.total(), std::memory_order_relaxed);
  }
  std::atomic<int64_t> done = 0;
  std::atomic<int64_t> total = 0;
};

// The reading thread's work: all of the source, checked, into the queue. OK also when nobody wants more.
absl::Status ReadAll(Source& source, const TransferOptions& options, EntryQueue& queue, Position& position) {
  std::optional<LimitChecker> limits;
  if (options.limits) limits.emplace(*options.limits);
  Entry entry;
  bool any = false;
  while (true) {
    RETURN_IF_ERROR(CheckCancel(options.cancel));
    ASSIGN_OR_RETURN(const bool more, source.Next(entry));
    position.Take(source);
    if (!more) break;
    any = true;
    RETURN_IF_ERROR(CheckEntry(entry));
    if (limits) RETURN_IF_ERROR(limits->Begin(entry));
    if (!queue.Begin(entry)) return absl::OkStatus();
    int64_t end = 0;
    while (entry.type == FileType::kRegular && !entry.is_hard_link()) {
      ASSIGN_OR_RETURN(const std::optional<DataBlock> block, source.Read());
      if (!block) break;
      position.Take(source);
      RETURN_IF_ERROR(CheckBlock(entry, *block, end));
      if (limits) RETURN_IF_ERROR(limits->Write(*block, source.position()));
      if (!queue.Write(*block)) return absl::OkStatus();
      RETURN_IF_ERROR(CheckCancel(options.cancel));
    }
    if (!queue.End()) return absl::OkStatus();
  }
  if (!any) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kNotADistro,
                 "The source holds no files at all, so it is no Linux distribution.");
  }
  return absl::OkStatus();
}

// The hashing thread's work: what comes through the queue into the digest, and on.
absl::Status DigestAll(EntryQueue& queue, TreeDigest& result) {
  DigestBuilder digest;
  EntryQueue::Batch batch;
  EntryQueue::Taken taken;
  while ((taken = queue.TakeToCheck(batch)) == EntryQueue::Taken::kBatch) {
    absl::Status status;
    for (size_t i = 0; i < batch.steps().size() && status.ok(); ++i) {
      const EntryQueue::Step& step = batch.steps()[i];
      if (const auto* entry = std::get_if<Entry>(&step)) {
        status = digest.Begin(*entry);
        if (!status.ok()) batch.Cut(i);
      } else if (const auto* piece = std::get_if<EntryQueue::Piece>(&step)) {
        digest.Write(batch.Block(*piece));
      } else {
        digest.End();
      }
    }
    queue.Pass(std::move(batch));
    RETURN_IF_ERROR(status);
  }
  if (taken == EntryQueue::Taken::kEnd) {
    ASSIGN_OR_RETURN(result, digest.Finish());
  }
  return absl::OkStatus();
}

// The caller's thread's work: what comes through the queue into the sink. An error of the source comes behind all that
// it gave before.
absl::Status WriteAll(EntryQueue& queue, Sink& sink, const TransferOptions& options, const Position& position) {
  TransferWatch watch(options);
  EntryQueue::Batch batch;
  std::string path;
  while (true) {
    const auto watched = [&] { return watch.Step(path, position.done, position.total); };
    RETURN_IF_ERROR(watched());
    const EntryQueue::Taken taken = queue.Take(batch);
    if (taken == EntryQueue::Taken::kNothing) continue;
    if (taken == EntryQueue::Taken::kEnd) return queue.status();
    for (const EntryQueue::Step& step : batch.steps()) {
      if (const auto* entry = std::get_if<Entry>(&step)) {
        path = entry->path;
        RETURN_IF_ERROR(watched());
        RETURN_IF_ERROR(Failpoint("transfer.entry"));
        RETURN_IF_ERROR(sink.Begin(*entry));
      } else if (const auto* piece = std::get_if<EntryQueue::Piece>(&step)) {
        RETURN_IF_ERROR(watched());
        RETURN_IF_ERROR(sink.Write(batch.Block(*piece)));
      } else {
        RETURN_IF_ERROR(sink.End());
      }
    }
  }
}

// Reads the source to its end in a thread of its own, takes its digest in another where that is wanted, and has the
// sink write.
absl::Status Run(Source& source, Sink& sink, TreeDigest* digest, const TransferOptions& options) {
  RETURN_IF_ERROR(CheckCancel(options.cancel));
  EntryQueue queue(digest != nullptr ? EntryQueue::Checker::kOne : EntryQueue::Checker::kNone);
  Position position(source);
  std::vector<std::thread> threads;
  const absl::Cleanup join = [&] {
    queue.Stop();
    for (std::thread& thread : threads) thread.join();
  };
  threads.emplace_back([&] { queue.Finish(ReadAll(source, options, queue, position)); });
  if (digest != nullptr) threads.emplace_back([&] { queue.FinishCheck(DigestAll(queue, *digest)); });
  const absl::Status status = WriteAll(queue, sink, options, position);
  if (!status.ok() && options.interrupt_source) options.interrupt_source(status);
  return status;
}

// Takes the digest of what it gets.
class DigestSink : public Sink {
 public:
  absl::Status Begin(const Entry& entry) override { return digest_.Begin(entry); }
  absl::Status Write(const DataBlock& block) override {
    digest_.Write(block);
    return absl::OkStatus();
  }
  absl::Status End() override {
    digest_.End();
    return absl::OkStatus();
  }
  absl::Status Commit() override { return absl::OkStatus(); }

  absl::StatusOr<TreeDigest> Finish() { return digest_.Finish(); }

 private:
  DigestBuilder digest_;
};

}  // namespace

absl::StatusOr<TransferResult> Transfer(Source& source, Sink& sink, const TransferOptions& options) {
  TransferResult result;
  RETURN_IF_ERROR(Run(source, sink, &result.digest, options));
  RETURN_IF_ERROR(CheckCancel(options.cancel));
  RETURN_IF_ERROR(sink.Commit());
  result.warnings = source.warnings();
  result.losses = sink.losses();
  return result;
}

absl::StatusOr<TreeDigest> DigestOf(Source& source, const TransferOptions& options) {
  DigestSink sink;
  RETURN_IF_ERROR(Run(source, sink, nullptr, options));
  return sink.Finish();
}

}  // namespace wslm
