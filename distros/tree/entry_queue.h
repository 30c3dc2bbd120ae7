// Between a thread that reads a source and one that works on what was read: entries and content in their order, in
// batches, at most 8 MiB of both on the way.
//
//   reader: queue.Begin(entry); queue.Write(block); queue.End(); ... queue.Finish(status);
//   worker: EntryQueue::Batch batch;
//           while (queue.Take(batch) != EntryQueue::Taken::kEnd) for (const auto& step : batch.steps()) Use(step);
//
// A third may look at each batch before the worker has it:
//
//   checker: while (queue.TakeToCheck(batch) == EntryQueue::Taken::kBatch) queue.Pass(std::move(batch));
//            queue.FinishCheck(status);
//
// One thread on each side, which may call its side's functions only.
#ifndef WSLM_DISTROS_TREE_ENTRY_QUEUE_H_
#define WSLM_DISTROS_TREE_ENTRY_QUEUE_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "distros/tree/entry.h"

namespace wslm {

class EntryQueue {
 public:
  // A piece of content, as an offset into its batch's bytes.
  struct Piece {
    int64_t offset = 0;
    size_t begin = 0;
    size_t size = 0;
  };
  struct EndOfEntry {};
  // What a Sink gets: Begin, Write, End.
  using Step = std::variant<Entry, Piece, EndOfEntry>;

  class Batch {
   public:
    const std::vector<Step>& steps() const { return steps_; }
    // Valid as long as the batch is neither taken anew nor gone.
    DataBlock Block(const Piece& piece) const {
      return {piece.offset, std::string_view(bytes_).substr(piece.begin, piece.size)};
    }
    // Leaves out all steps behind the first `count`.
    void Cut(size_t count) { steps_.erase(steps_.begin() + static_cast<ptrdiff_t>(count), steps_.end()); }

   private:
    friend class EntryQueue;
    std::vector<Step> steps_;
    std::string bytes_;
    // Bytes of memory that it stands for.
    size_t weight_ = 0;
  };

  enum class Checker { kNone, kOne };
  explicit EntryQueue(Checker checker = Checker::kNone) : checker_(checker) {}

  // The reader's. They copy, and wait while too much is on the way. False: nobody wants more.
  bool Begin(const Entry& entry);
  bool Write(const DataBlock& block);
  bool End();
  // The last call: why there is no more; OK at the source's end.
  void Finish(absl::Status status);

  enum class Taken { kBatch, kNothing, kEnd };

  // The checker's. kEnd: all that the reader gave was taken, and nothing failed; kNothing: no more is wanted.
  Taken TakeToCheck(Batch& batch);
  void Pass(Batch batch);
  // The last call. An error ends it all behind what was passed, but for one that the reader told of before.
  void FinishCheck(absl::Status status);

  // The worker's. kNothing: nothing came for a tenth of a second. After kEnd, which comes behind all batches, status()
  // is the error that came first.
  Taken Take(Batch& batch);
  const absl::Status& status() const { return status_; }
  // Nothing more is wanted: the reader does not wait any longer.
  void Stop();

 private:
  bool Add(Step step, size_t weight);
  bool Send();

  const Checker checker_;
  Batch filling_;  // the reader's own
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> unchecked_;
  std::deque<Batch> checked_;
  // Of all between reader and worker.
  size_t weight_ = 0;
  // Used up, their memory to be used again.
  std::vector<Batch> spare_;
  bool finished_ = false;
  // Nothing will come to those in checked_.
  bool ended_ = false;
  bool stopped_ = false;
  absl::Status status_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_TREE_ENTRY_QUEUE_H_
