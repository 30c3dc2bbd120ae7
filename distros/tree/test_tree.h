// Trees in memory, for tests: a list of entries with their content as a source, and a sink that keeps what it got.
#ifndef WSLM_DISTROS_TREE_TEST_TREE_H_
#define WSLM_DISTROS_TREE_TEST_TREE_H_

#include <string>
#include <utility>
#include <vector>

#include "distros/tree/sink.h"
#include "distros/tree/source.h"

namespace wslm {

struct TestFile {
  Entry entry;
  // Pieces by offset; of regular files only.
  std::vector<std::pair<int64_t, std::string>> blocks;
};

inline TestFile Folder(std::string path, uint16_t mode = 0755) {
  return {{.path = std::move(path), .type = FileType::kDirectory, .mode = mode}, {}};
}
inline TestFile File(std::string path, std::string content, uint16_t mode = 0644) {
  TestFile file{{.path = std::move(path), .mode = mode, .size = static_cast<int64_t>(content.size())}, {}};
  if (!content.empty()) file.blocks.emplace_back(0, std::move(content));
  return file;
}
inline TestFile Symlink(std::string path, std::string target) {
  return {{.path = std::move(path), .type = FileType::kSymlink, .mode = 0777, .symlink_target = std::move(target)}, {}};
}
inline TestFile HardLink(std::string path, std::string target) {
  return {{.path = std::move(path), .hard_link_to = std::move(target)}, {}};
}

class TestSource : public Source {
 public:
  explicit TestSource(std::vector<TestFile> files) : files_(std::move(files)) {}
  absl::StatusOr<bool> Next(Entry& entry) override {
    if (next_ == files_.size()) return false;
    entry = files_[next_++].entry;
    block_ = 0;
    return true;
  }
  absl::StatusOr<std::optional<DataBlock>> Read() override {
    const auto& blocks = files_[next_ - 1].blocks;
    if (block_ == blocks.size()) return std::nullopt;
    const auto& [offset, bytes] = blocks[block_++];
    return DataBlock{offset, bytes};
  }
  int64_t position() const override { return static_cast<int64_t>(next_); }
  int64_t total() const override { return static_cast<int64_t>(files_.size()); }
  std::vector<std::string> warnings() const override { return {"odd"}; }

 private:
  const std::vector<TestFile> files_;
  size_t next_ = 0;
  size_t block_ = 0;
};

class TestSink : public Sink {
 public:
  absl::Status Begin(const Entry& entry) override {
    files.push_back({entry, {}});
    return absl::OkStatus();
  }
  absl::Status Write(const DataBlock& block) override {
    files.back().blocks.emplace_back(block.offset, std::string(block.bytes));
    return absl::OkStatus();
  }
  absl::Status End() override { return absl::OkStatus(); }
  absl::Status Commit() override {
    committed = true;
    return absl::OkStatus();
  }
  std::vector<std::string> losses() const override { return {"lost"}; }

  std::vector<TestFile> files;
  bool committed = false;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_TREE_TEST_TREE_H_
