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

std::vector<TestEntry> Everything() {
  std::vector<TestEntry> tree = {
      Folder(""),
      Folder("tmp", 01777),
      Folder("root", 0700),
      Folder("home/me", 0750, 1000, 1000),
      Folder("home/me/closed", 0, 1000, 1000),
      Folder("home/me/closed/empty", 0500, 1000, 1000),
      Folder("var/mail", 02775, 0, 8),
      Folder("home"),
      Folder("var"),
      File("etc/shadow", "root:*:\n", 0640, 0, 42),
      Folder("etc", 0755),
      File("etc/unreadable", "secret", 0),
      File("etc/read-only", "444", 0444),
      File("bin/su",
           "\x7f"
           "ELF",
           04755),
      Folder("bin"),
      File("bin/everything", "", 07777, 4294967294u, 4294967295u),
      File("home/me/.profile", "export A=1\n", 0644, 1000, 1000),
      File("home/me/private", "x", 0600, 1000, 1000),
      File("home/me/root-only", "x", 0600),
      File("home/me/of-no-one", "x", 01, 1000, 1000),
      File("empty", ""),
      Symlink("link", "etc/shadow"),
      Symlink("home/me/dangling", "/nowhere\xff/ at all", 1000, 1000),
      HardLink("early", "late"),
      File("late", "linked", 02755, 5, 6),
      HardLink("dir-of-links/second", "late"),
      Folder("dir-of-links"),
      HardLink("link-to-link", "link"),
      HardLink("third-link-to-link", "link"),
      HardLink("third-name", "late"),
      Special("fifo", FileType::kFifo, 0644),
      Special("fifo-of-me", FileType::kFifo, 0620, 1000, 5),
      Special("socket", FileType::kSocket, 0755),
      Special("socket-of-me", FileType::kSocket, 01777, 1000, 1000),
      Folder("dev"),
      Device("dev/null", FileType::kCharDevice, 0666, 1, 3),
      Device("dev/sda", FileType::kBlockDevice, 0660, 8, 0),
      Device("dev/large", FileType::kBlockDevice, 0, 4095, 1048575),
      HardLink("dev/zero", "dev/null"),
      File("n\xc3\xa4me", "UTF-8"),
      File("not\xff\xfeutf\n\t", "bytes"),
      File(std::string(255, 'n'), "long name"),
  };
  TestEntry sparse = File("sparse", "");
  sparse.entry.size = int64_t{9} << 30;
  sparse.content[int64_t{1} << 30] = std::string(3 << 20, 'd');
  sparse.content[(int64_t{2} << 30) + 4096] = "some";
  sparse.content[(int64_t{8} << 30) + 1] = "beyond 8 GiB";
  tree.push_back(sparse);
  TestEntry hole = File("hole", "", 0600, 1000, 1000);
  hole.entry.size = 1 << 20;
  tree.push_back(hole);
  tree.push_back(File("large", std::string((2 << 20) + 17, 'L')));
  TestEntry capable = File("bin/ping", "ping", 0755);
  capable.entry.xattrs = {{"security.capability", std::string("\1\0\0\2\0\x20\0\0", 8)},
                          {"user.comment", "hello"},
                          {"trusted.overlay.opaque", "y"}};
  tree.push_back(capable);
  TestEntry controlled = Folder("srv", 02770, 1000, 1000);
  controlled.entry.xattrs = {{"system.posix_acl_default", std::string("\2\0\0\0acl", 7)}, {"user.empty", ""}};
  tree.push_back(controlled);
  TestEntry read_only = File("attributed", "", 0444);
  read_only.entry.xattrs = {{"user.on-what-can-not-be-written", "v"}};
  tree.push_back(read_only);
  // Not even root can give a link user.* attributes; an archive can.
  TestEntry link = Symlink("link-with-attributes", "old");
  link.entry.xattrs = {{"trusted.note", "t"}, {"security.selinux", std::string("label\0", 6)}};
  tree.push_back(link);
  tree.push_back(HardLink("link-with-attributes-too", "link-with-attributes"));
  TestEntry fifo = Special("fifo-with-attributes", FileType::kFifo, 0640);
  fifo.entry.xattrs = {{"system.posix_acl_access", std::string("\2\0\0\0acl", 7)}, {"trusted.empty", ""}};
  tree.push_back(fifo);
  TestEntry socket = Special("socket-with-attributes", FileType::kSocket, 0640, 7, 7);
  socket.entry.xattrs = {{"trusted.note", "s"}};
  tree.push_back(socket);
  TestEntry device = Device("dev/with-attributes", FileType::kBlockDevice, 0640, 8, 1);
  device.entry.xattrs = {{"system.posix_acl_access", std::string("\2\0\0\0acl", 7)}};
  tree.push_back(device);
  TestEntry many = File("large-attributes", "x");
  many.entry.xattrs = {{"user.as-large-as-can-be", std::string(65536, 'l')},
                       {"security." + std::string(246, 'n'), "its name is too long with ours before it"},
                       {"user.small", "s"}};
  tree.push_back(many);
  TestEntry old = File("old", "1969");
  old.entry.mtime = {.seconds = -2, .nanoseconds = 999'999'999};
  tree.push_back(old);
  TestEntry dated = Folder("dated");
  dated.entry.mtime = {.seconds = 4'000'000'000, .nanoseconds = 1};
  tree.insert(tree.begin(), dated);
  tree.push_back(File("dated/child", "comes later"));
  return tree;
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
