#include "distros/tree/entry_queue.h"

#include <algorithm>
#include <chrono>

namespace wslm {
namespace {

// Large enough that handing over costs nothing, small enough that both sides always have one.
constexpr size_t kBatch = size_t{1} << 20;
// Beside these there are the one being filled and the one being worked on.
constexpr size_t kWaiting = 6 * kBatch;
constexpr std::chrono::milliseconds kPatience{100};

size_t WeightOf(const Entry& entry) {
  size_t weight =
      sizeof(EntryQueue::Step) + entry.path.size() + entry.symlink_target.size() + entry.hard_link_to.size();
  if (entry.extents) weight += entry.extents->size() * sizeof(DataExtent);
  for (const auto& [name, value] : entry.xattrs) weight += 2 * sizeof(std::string) + name.size() + value.size();
  return weight;
}

}  // namespace

bool EntryQueue::Begin(const Entry& entry) { return Add(entry, WeightOf(entry)); }

bool EntryQueue::End() { return Add(EndOfEntry(), sizeof(Step)); }

bool EntryQueue::Write(const DataBlock& block) {
  for (size_t done = 0; done < block.bytes.size();) {
    const size_t room = kBatch - std::min(kBatch, filling_.weight_ + sizeof(Step));
    if (room == 0) {
      if (!Send()) return false;
      continue;
    }
    const size_t size = std::min(room, block.bytes.size() - done);
    const Piece piece{block.offset + static_cast<int64_t>(done), filling_.bytes_.size(), size};
    if (filling_.bytes_.empty()) filling_.bytes_.reserve(kBatch);
    filling_.bytes_.append(block.bytes.substr(done, size));
    if (!Add(piece, sizeof(Step) + size)) return false;
    done += size;
  }
  return true;
}

bool EntryQueue::Add(Step step, size_t weight) {
  filling_.steps_.push_back(std::move(step));
  filling_.weight_ += weight;
  return filling_.weight_ < kBatch || Send();
}

bool EntryQueue::Send() {
  std::unique_lock lock(mutex_);
  // One that is heavier than all is let through alone.
  changed_.wait(lock,
                [this] { return stopped_ || waiting_.empty() || waiting_weight_ + filling_.weight_ <= kWaiting; });
  if (stopped_) return false;
  waiting_weight_ += filling_.weight_;
  waiting_.push_back(std::move(filling_));
  filling_ = Batch();
  if (!spare_.empty()) {
    filling_ = std::move(spare_.back());
    spare_.pop_back();
  }
  lock.unlock();
  changed_.notify_one();
  return true;
}

void EntryQueue::Finish(absl::Status status) {
  if (!filling_.steps_.empty()) Send();
  const std::lock_guard lock(mutex_);
  status_ = std::move(status);
  finished_ = true;
  changed_.notify_one();
}

EntryQueue::Taken EntryQueue::Take(Batch& batch) {
  batch.steps_.clear();
  batch.bytes_.clear();
  batch.weight_ = 0;
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kPatience, [this] { return !waiting_.empty() || finished_; });
  if (waiting_.empty()) return finished_ ? Taken::kEnd : Taken::kNothing;
  if (batch.bytes_.capacity() > 0) spare_.push_back(std::move(batch));
  batch = std::move(waiting_.front());
  waiting_.pop_front();
  waiting_weight_ -= batch.weight_;
  lock.unlock();
  changed_.notify_one();
  return Taken::kBatch;
}

void EntryQueue::Stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_one();
}

}  // namespace wslm
