#include "runtime-v1/lxcore/journal.h"

#include <atomic>
#include <ctime>

namespace wslm::lxcore {
namespace {

constexpr int64_t kNanoseconds = 1'000'000'000;

// What is written is there before what follows is done. Processors keep that order by themselves for one who is killed.
void Settle() { std::atomic_signal_fence(std::memory_order_seq_cst); }

}  // namespace

void Journal::Begin() {
  if (begun_ != 0) return;
  // The clock that file systems take their times from.
  timespec now;
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  begun_ns_ = now.tv_sec * kNanoseconds + now.tv_nsec;
  Settle();
  begun_ = 1;
  Settle();
}

bool Journal::MayHaveMade(const struct statx& host, uint32_t type) const {
  if (!resumed_ || (host.stx_mode & S_IFMT) != type) return false;
  const int64_t born = host.stx_btime.tv_sec * kNanoseconds + host.stx_btime.tv_nsec;
  return !(host.stx_mask & STATX_BTIME) || born >= begun_ns_;
}

void Journal::BeginToBecome(uint32_t index, int64_t value) {
  answer_ = value;
  Settle();
  becomes_ = uint64_t{index} + 1;
  Settle();
}

std::optional<int64_t> Journal::AnswerIfBecame(uint32_t index) const {
  if (becomes_ != uint64_t{index} + 1) return std::nullopt;
  return answer_;
}

}  // namespace wslm::lxcore
