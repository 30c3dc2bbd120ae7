// A sink that keeps nothing and aborts when it is given what no sink may see.
#ifndef WSLM_TESTS_FUZZ_CHECKING_SINK_H_
#define WSLM_TESTS_FUZZ_CHECKING_SINK_H_

#include "distros/tree/sink.h"
#include "tests/fuzz/fuzz.h"

namespace wslm::fuzz {

class CheckingSink : public Sink {
 public:
  absl::Status Begin(const Entry& entry) override {
    FUZZ_CHECK(!open_ && !committed_);
    FUZZ_CHECK(CheckEntry(entry).ok());
    FUZZ_CHECK(NormalisedPath(entry.path) == entry.path);
    open_ = true;
    regular_ = entry.type == FileType::kRegular && !entry.is_hard_link();
    size_ = entry.size;
    end_ = 0;
    if (regular_ && entry.extents) {
      int64_t end = 0;
      for (const DataExtent& extent : *entry.extents) {
        FUZZ_CHECK(extent.offset >= end && extent.length >= 0 && extent.length <= size_ - extent.offset);
        end = extent.offset + extent.length;
      }
    }
    return absl::OkStatus();
  }
  absl::Status Write(const DataBlock& block) override {
    FUZZ_CHECK(open_ && regular_);
    FUZZ_CHECK(block.offset >= end_ && block.offset <= size_);
    FUZZ_CHECK(static_cast<int64_t>(block.bytes.size()) <= size_ - block.offset);
    end_ = block.offset + static_cast<int64_t>(block.bytes.size());
    // Whether all of it may be read.
    unsigned sum = 0;
    for (const char c : block.bytes) sum += static_cast<unsigned char>(c);
    sum_ = sum_ + sum;
    return absl::OkStatus();
  }
  absl::Status End() override {
    FUZZ_CHECK(open_);
    open_ = false;
    return absl::OkStatus();
  }
  absl::Status Commit() override {
    FUZZ_CHECK(!open_ && !committed_);
    committed_ = true;
    return absl::OkStatus();
  }

 private:
  bool open_ = false;
  bool committed_ = false;
  bool regular_ = false;
  int64_t size_ = 0;
  int64_t end_ = 0;
  volatile unsigned sum_ = 0;
};

}  // namespace wslm::fuzz

#endif  // WSLM_TESTS_FUZZ_CHECKING_SINK_H_
