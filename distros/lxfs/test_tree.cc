#include "distros/lxfs/test_tree.h"

#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

constexpr size_t kLongContent = 64;

TestEntry Make(const std::string& path, FileType type, uint16_t mode, uint32_t uid, uint32_t gid) {
  TestEntry made;
  made.entry.path = path;
  made.entry.type = type;
  made.entry.mode = mode;
  made.entry.uid = uid;
  made.entry.gid = gid;
  made.entry.mtime = kTestTime;
  return made;
}

// Long holes are not spelled out.
std::string DescribeContent(int64_t size, const std::map<int64_t, std::string>& content) {
  std::string bytes = absl::StrCat(size, " ");
  for (const auto& [offset, piece] : content) {
    const size_t data = piece.find_first_not_of('\0');
    if (data == std::string::npos) continue;
    const std::string trimmed = piece.substr(data, piece.find_last_not_of('\0') - data + 1);
    absl::StrAppend(
        &bytes, "@", offset + static_cast<int64_t>(data), ":",
        trimmed.size() > kLongContent ? absl::StrCat("#", std::hash<std::string>()(trimmed)) : Escaped(trimmed));
  }
  return bytes;
}

std::string Describe(const TestEntry& described) {
  const Entry& entry = described.entry;
  std::string line = absl::StrFormat("%d %o %d:%d %d.%09d", static_cast<int>(entry.type), entry.mode, entry.uid,
                                     entry.gid, entry.mtime.seconds, entry.mtime.nanoseconds);
  if (entry.type == FileType::kSymlink) absl::StrAppend(&line, " -> ", Escaped(entry.symlink_target));
  if (entry.type == FileType::kRegular) absl::StrAppend(&line, " ", DescribeContent(entry.size, described.content));
  if (entry.rdev_major != 0 || entry.rdev_minor != 0) {
    absl::StrAppend(&line, " ", entry.rdev_major, ",", entry.rdev_minor);
  }
  for (const auto& [name, value] : entry.xattrs) absl::StrAppend(&line, " ", name, "=", Escaped(value));
  return line;
}

// Every name of a group is described by the group's first name.
std::map<std::string, std::string> Describe(const std::map<std::string, TestEntry>& entries) {
  std::map<std::string, std::set<std::string>> groups;
  for (const auto& [path, described] : entries) {
    if (described.entry.is_hard_link()) {
      groups[described.entry.hard_link_to].insert({path, described.entry.hard_link_to});
    }
  }
  std::map<std::string, std::string> lines;
  for (const auto& [path, described] : entries) {
    if (!described.entry.is_hard_link() && !groups.contains(path)) lines[path] = Describe(described);
  }
  for (const auto& [target, paths] : groups) {
    for (const std::string& path : paths) lines[path] = "= " + *paths.begin() + " " + Describe(entries.at(target));
  }
  return lines;
}

}  // namespace

TestEntry Folder(const std::string& path, uint16_t mode, uint32_t uid, uint32_t gid) {
  return Make(path, FileType::kDirectory, mode, uid, gid);
}

TestEntry File(const std::string& path, const std::string& content, uint16_t mode, uint32_t uid, uint32_t gid) {
  TestEntry made = Make(path, FileType::kRegular, mode, uid, gid);
  made.entry.size = static_cast<int64_t>(content.size());
  if (!content.empty()) made.content[0] = content;
  return made;
}

TestEntry Symlink(const std::string& path, const std::string& target, uint32_t uid, uint32_t gid) {
  TestEntry made = Make(path, FileType::kSymlink, 0777, uid, gid);
  made.entry.symlink_target = target;
  return made;
}

TestEntry HardLink(const std::string& path, const std::string& target) {
  TestEntry made = Make(path, FileType::kRegular, 0, 0, 0);
  made.entry.hard_link_to = target;
  return made;
}

TestEntry Special(const std::string& path, FileType type, uint16_t mode, uint32_t uid, uint32_t gid) {
  return Make(path, type, mode, uid, gid);
}

TestEntry Device(const std::string& path, FileType type, uint16_t mode, uint32_t major, uint32_t minor) {
  TestEntry made = Make(path, type, mode, 0, 0);
  made.entry.rdev_major = major;
  made.entry.rdev_minor = minor;
  return made;
}

absl::Status PutInto(Sink& sink, const std::vector<TestEntry>& tree) {
  for (const TestEntry& put : tree) {
    RETURN_IF_ERROR(sink.Begin(put.entry));
    for (const auto& [offset, bytes] : put.content) RETURN_IF_ERROR(sink.Write({.offset = offset, .bytes = bytes}));
    RETURN_IF_ERROR(sink.End());
  }
  return absl::OkStatus();
}

std::map<std::string, std::string> Describe(const std::vector<TestEntry>& tree) {
  std::map<std::string, TestEntry> entries;
  for (const TestEntry& described : tree) entries[described.entry.path] = described;
  return Describe(entries);
}

std::map<std::string, std::string> Describe(Source& source) {
  std::map<std::string, TestEntry> entries;
  Entry entry;
  while (true) {
    const absl::StatusOr<bool> more = source.Next(entry);
    EXPECT_TRUE(more.ok()) << more.status();
    if (!more.ok() || !*more) return Describe(entries);
    TestEntry& read = entries[entry.path];
    EXPECT_TRUE(read.entry.path.empty()) << "twice: " << entry.path;
    read.entry = entry;
    int64_t end = -1;
    while (true) {
      const absl::StatusOr<std::optional<DataBlock>> block = source.Read();
      EXPECT_TRUE(block.ok()) << block.status();
      if (!block.ok() || !*block) break;
      // Pieces that touch are one, as they were put.
      if ((*block)->offset == end) {
        read.content.rbegin()->second += (*block)->bytes;
      } else {
        read.content[(*block)->offset] = std::string((*block)->bytes);
      }
      end = (*block)->offset + static_cast<int64_t>((*block)->bytes.size());
    }
  }
}

}  // namespace wslm
