#include "distros/tree/entry_queue.h"

#include <algorithm>
#include <chrono>

namespace wslm {
namespace {

// Large enough that handing over costs nothing, small enough that both sides always have one.
constexpr size_t kBatch = size_t{1} << 20;
// Beside these, of which one may be with the checker, there are the one being filled and the one being worked on.
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
  changed_.wait(lock, [this] { return stopped_ || weight_ == 0 || weight_ + filling_.weight_ <= kWaiting; });
  if (stopped_) return false;
  weight_ += filling_.weight_;
  (checker_ == Checker::kOne ? unchecked_ : checked_).push_back(std::move(filling_));
  filling_ = Batch();
  if (!spare_.empty()) {
    filling_ = std::move(spare_.back());
    spare_.pop_back();
  }
  lock.unlock();
  changed_.notify_all();
  return true;
}

void EntryQueue::Finish(absl::Status status) {
  if (!filling_.steps_.empty()) Send();
  const std::lock_guard lock(mutex_);
  if (status_.ok()) status_ = std::move(status);
  finished_ = true;
  if (checker_ == Checker::kNone) ended_ = true;
  changed_.notify_all();
}

EntryQueue::Taken EntryQueue::TakeToCheck(Batch& batch) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopped_ || !unchecked_.empty() || finished_; });
  if (stopped_) return Taken::kNothing;
  if (unchecked_.empty()) return status_.ok() ? Taken::kEnd : Taken::kNothing;
  batch = std::move(unchecked_.front());
  unchecked_.pop_front();
  return Taken::kBatch;
}

void EntryQueue::Pass(Batch batch) {
  const std::lock_guard lock(mutex_);
  checked_.push_back(std::move(batch));
  changed_.notify_all();
}

void EntryQueue::FinishCheck(absl::Status status) {
  const std::lock_guard lock(mutex_);
  if (!status.ok()) stopped_ = true;
  if (status_.ok()) status_ = std::move(status);
  ended_ = true;
  changed_.notify_all();
}

EntryQueue::Taken EntryQueue::Take(Batch& batch) {
  batch.steps_.clear();
  batch.bytes_.clear();
  batch.weight_ = 0;
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kPatience, [this] { return !checked_.empty() || ended_; });
  if (checked_.empty()) return ended_ ? Taken::kEnd : Taken::kNothing;
  if (batch.bytes_.capacity() > 0) spare_.push_back(std::move(batch));
  batch = std::move(checked_.front());
  checked_.pop_front();
  weight_ -= batch.weight_;
  lock.unlock();
  changed_.notify_all();
  return Taken::kBatch;
}

void EntryQueue::Stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

}  // namespace wslm
