// For tests: a file tree as a list of entries with their content, put into a sink and read from a source.
#ifndef WSLM_DISTROS_LXFS_TEST_TREE_H_
#define WSLM_DISTROS_LXFS_TEST_TREE_H_

#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "distros/tree/entry.h"
#include "distros/tree/sink.h"
#include "distros/tree/source.h"

namespace wslm {

struct TestEntry {
  Entry entry;
  // By offset; what is not covered is a hole.
  std::map<int64_t, std::string> content;
};

inline constexpr Timestamp kTestTime{.seconds = 1'600'000'000, .nanoseconds = 123'456'789};

TestEntry Folder(const std::string& path, uint16_t mode = 0755, uint32_t uid = 0, uint32_t gid = 0);
TestEntry File(const std::string& path, const std::string& content, uint16_t mode = 0644, uint32_t uid = 0,
               uint32_t gid = 0);
TestEntry Symlink(const std::string& path, const std::string& target, uint32_t uid = 0, uint32_t gid = 0);
TestEntry HardLink(const std::string& path, const std::string& target);
TestEntry Special(const std::string& path, FileType type, uint16_t mode, uint32_t uid = 0, uint32_t gid = 0);
TestEntry Device(const std::string& path, FileType type, uint16_t mode, uint32_t major, uint32_t minor);

// Everything that a distro may hold.
std::vector<TestEntry> Everything();

// Without Commit.
absl::Status PutInto(Sink& sink, const std::vector<TestEntry>& tree);

// A line for each path, from which all that counts can be told: "PATH TYPE MODE UID:GID TIME …". Content as bytes with
// holes as zeros, or its hash when it is long.
std::map<std::string, std::string> Describe(const std::vector<TestEntry>& tree);
// All that a source gives. Hard links are described as "= FIRST PATH" with the first path by name.
std::map<std::string, std::string> Describe(Source& source);

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_TEST_TREE_H_
