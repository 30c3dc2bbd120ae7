// The archives of archives.py, through the import into both forms, as root and as an ordinary user: what the generator
// says must come of each comes of it, and nothing outside of the distro's own folder changes.
#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "distros/ext4/ext4.h"
#include "distros/host/byte_stream.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/test_bytes.h"
#include "distros/host/test_folder.h"
#include "distros/lxfs/lxfs.h"
#include "distros/tar/tar_source.h"
#include "distros/tree/transfer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

namespace fs = std::filesystem;

constexpr SecondOwner kSecondOwner;
constexpr uid_t kOrdinaryUser = 54321;

// As the generator's bombs want them.
Limits TestLimits() {
  Limits limits;
  limits.entries = 20'000;
  limits.hard_links = 5'000;
  limits.total_bytes = int64_t{1} << 30;
  limits.expansion_floor = 16 << 20;
  return limits;
}

std::string Plain(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte >= 0x7F || std::string_view(":=>#+%*").find(c) != std::string_view::npos) {
      constexpr char kDigits[] = "0123456789ABCDEF";
      text += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      text += c;
    }
  }
  return text;
}

std::string Letter(FileType type) {
  constexpr std::pair<FileType, const char*> kLetters[] = {{FileType::kRegular, "f"},     {FileType::kDirectory, "d"},
                                                           {FileType::kSymlink, "l"},     {FileType::kCharDevice, "c"},
                                                           {FileType::kBlockDevice, "b"}, {FileType::kFifo, "p"},
                                                           {FileType::kSocket, "s"}};
  for (const auto& [known, letter] : kLetters) {
    if (known == type) return letter;
  }
  return "?";
}

// The tree as the generator writes trees.
absl::StatusOr<std::string> Describe(Source& source) {
  struct Found {
    Entry entry;
    std::string content;
    std::set<std::string> names;
  };
  std::map<std::string, Found> found;
  Entry entry;
  while (true) {
    const absl::StatusOr<bool> more = source.Next(entry);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (entry.is_hard_link()) {
      found[entry.hard_link_to].names.insert(entry.path);
      continue;
    }
    Found& file = found[entry.path];
    file.entry = entry;
    file.names.insert(entry.path);
    file.content.assign(entry.size <= 40 ? static_cast<size_t>(entry.size) : 0, '\0');
    while (entry.type == FileType::kRegular) {
      const auto block = source.Read();
      if (!block.ok()) return block.status();
      if (!*block) break;
      if (!file.content.empty()) {
        file.content.replace(static_cast<size_t>((*block)->offset), (*block)->bytes.size(), (*block)->bytes);
      }
    }
  }
  std::set<std::string> lines;
  for (const auto& [path, file] : found) {
    if (path.empty()) continue;
    const Entry& e = file.entry;
    const std::string first = Plain(*file.names.begin());
    char mode[8];
    std::snprintf(mode, sizeof mode, "%o", unsigned{e.mode});
    std::string line = absl::StrCat(Letter(e.type), ":", first, ":", mode, ":", e.uid, ":", e.gid);
    if (e.type == FileType::kRegular) {
      absl::StrAppend(&line, e.size <= 40 ? "=" + Plain(file.content) : absl::StrCat("#", e.size));
    } else if (e.type == FileType::kSymlink) {
      absl::StrAppend(&line, ">", Plain(e.symlink_target));
    } else if (e.type == FileType::kCharDevice || e.type == FileType::kBlockDevice) {
      absl::StrAppend(&line, ">", e.rdev_major, ",", e.rdev_minor);
    }
    if (!e.xattrs.empty()) absl::StrAppend(&line, "+", e.xattrs.size());
    lines.insert(line);
    for (const std::string& name : file.names) {
      if (Plain(name) != first) lines.insert(absl::StrCat("h:", Plain(name), "=", first));
    }
  }
  std::string text;
  for (const std::string& line : lines) absl::StrAppend(&text, text.empty() ? "" : " ", line);
  return text;
}

// Whether a line that was read is one that was expected; what an expected one has behind a '*' may be anything.
bool IsExpected(const std::string& read, const std::string& expected) {
  const std::vector<std::string> reads = absl::StrSplit(read, ' ');
  std::vector<std::string> wanted = absl::StrSplit(expected, ' ');
  std::sort(wanted.begin(), wanted.end());
  return std::equal(reads.begin(), reads.end(), wanted.begin(), wanted.end(), [](const auto& is, const auto& should) {
    const size_t star = should.find('*');
    return star == std::string::npos ? is == should : is.substr(0, star) == should.substr(0, star);
  });
}

// All there is below a folder, with what changes when somebody touches it.
std::string Fingerprint(const std::string& folder) {
  std::ostringstream text;
  std::set<std::string> paths = {folder};
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) paths.insert(entry.path());
  }
  for (const std::string& path : paths) {
    struct stat st = {};
    EXPECT_EQ(::lstat(path.c_str(), &st), 0) << path;
    text << path << ' ' << st.st_ino << ' ' << st.st_mode << ' ' << st.st_uid << ' ' << st.st_nlink << ' ' << st.st_size
         << ' ' << st.st_mtim.tv_sec << '.' << st.st_mtim.tv_nsec << ' ' << st.st_ctim.tv_sec << '.'
         << st.st_ctim.tv_nsec << '\n';
    if (S_ISREG(st.st_mode)) text << std::ifstream(path).rdbuf() << '\n';
  }
  return text.str();
}

// A folder for a distro with files around it that nobody may touch.
class Evil : public testing::Test {
 protected:
  Evil() {
    // Above the distro's folder, and beside it.
    for (const char* name : {"etc", "beside"}) {
      fs::create_directory(folder_ / name);
      std::ofstream(folder_ / (std::string(name) + "/passwd")) << "root:x:0:0";
      fs::create_symlink("passwd", folder_ / (std::string(name) + "/link"));
    }
    std::ofstream(folder_ / "x") << "above";
    std::ofstream(folder_ / "a") << "above";
    fs::create_directories(inside());
    Chown(folder_.path());
    Chown(folder_ / "distros");
    Chown(inside());
  }
  std::string inside() const { return folder_ / "distros/inside"; }

  // What lies around the distro's folder, with the attributes of those above it but for what making the folder changes.
  std::string Around() const {
    return Fingerprint(folder_ / "etc") + Fingerprint(folder_ / "beside") + Fingerprint(folder_ / "x") +
           Fingerprint(folder_ / "a") + Names(folder_.path()) + Names(folder_ / "distros");
  }
  static std::string Names(const std::string& folder) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
    return testing::PrintToString(names);
  }
  static void Chown(const std::string& path) {
    if (::geteuid() != 0) return;
    ASSERT_EQ(::chown(path.c_str(), kOrdinaryUser, kOrdinaryUser), 0);
  }
  void Fresh() {
    ASSERT_TRUE(RemoveTree(inside()).ok());
    fs::create_directory(inside());
  }

  TestFolder folder_;
};

// Makes the archives once for the whole program.
const std::string& Archives() {
  static const TestFolder folder;
  static const std::string path = [] {
    fs::permissions(folder.path(), fs::perms::all);
    const std::string command = "/usr/bin/python3 -B '" WSLM_SOURCE "/tests/evil/archives.py' '" + folder.path() + "'";
    EXPECT_EQ(std::system(command.c_str()), 0);
    return folder.path();
  }();
  return path;
}

struct Case {
  std::string name;
  std::string kind;  // "refused" or "tree"
  std::string rest;
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  std::ifstream lines(Archives() + "/expected");
  for (std::string line; std::getline(lines, line);) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(' ', 2));
    cases.push_back({parts[0], parts[1], parts.size() > 2 ? parts[2] : ""});
  }
  EXPECT_GT(cases.size(), 150u);
  return cases;
}

enum class Form { kLxfs, kExt4 };

absl::StatusOr<std::string> Import(const std::string& archive, const std::string& folder, Form form) {
  absl::StatusOr<UniqueFd> fd = OpenFile(archive, O_RDONLY);
  if (!fd.ok()) return fd.status();
  absl::StatusOr<std::unique_ptr<Source>> source = OpenTarSource(FdByteSource(*std::move(fd), archive), archive);
  if (!source.ok()) return source.status();
  const std::string image = folder + "/disk.img";
  absl::StatusOr<std::unique_ptr<Sink>> sink =
      form == Form::kLxfs ? CreateLxfsSink(folder, kSecondOwner) : CreateExt4Sink(image, {.size = int64_t{2} << 30});
  if (!sink.ok()) return sink.status();
  const absl::StatusOr<TransferResult> result = Transfer(**source, **sink, {.limits = TestLimits()});
  sink->reset();
  if (!result.ok()) return result.status();
  absl::StatusOr<std::unique_ptr<Source>> back =
      form == Form::kLxfs ? OpenLxfsSource(folder, kSecondOwner) : OpenExt4Source(image);
  if (!back.ok()) return back.status();
  if (form == Form::kExt4) {
    const absl::Status clean = CheckExt4(image);
    if (!clean.ok()) return clean;
  }
  return Describe(**back);
}

void ExpectAsTold(const Case& told, const absl::StatusOr<std::string>& is) {
  if (told.kind == "refused") {
    const std::vector<std::string> reasons = absl::StrSplit(told.rest, ',');
    ASSERT_FALSE(is.ok()) << *is;
    EXPECT_THAT(reasons, testing::Contains(ReasonOf(is.status()))) << is.status();
  } else {
    ASSERT_TRUE(is.ok()) << is.status();
    EXPECT_TRUE(IsExpected(*is, told.rest)) << "  is   " << *is << "\n  must " << told.rest;
  }
}

// As a user without rights, in a process of his own.
void AsOrdinaryUser(const std::function<void()>& body) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::geteuid() == 0 &&
        (::setgroups(0, nullptr) != 0 || ::setresgid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser) != 0 ||
         ::setresuid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser) != 0)) {
      ::_exit(2);
    }
    body();
    std::fflush(nullptr);
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

class EvilArchives : public Evil {
 protected:
  void ImportAll(Form form) {
    const std::string around = Around();
    for (const Case& told : Cases()) {
      SCOPED_TRACE(told.name);
      Fresh();
      ExpectAsTold(told, Import(Archives() + "/" + told.name, inside(), form));
      ASSERT_EQ(Around(), around);
      for (const auto& entry : fs::directory_iterator(inside())) {
        const std::string name = entry.path().filename();
        EXPECT_TRUE(form == Form::kExt4 ? name == "disk.img" : name == "rootfs" || name.starts_with("metadata.db"))
            << name;
      }
    }
  }
};

TEST_F(EvilArchives, IntoLxfs) { ImportAll(Form::kLxfs); }
TEST_F(EvilArchives, IntoExt4) { ImportAll(Form::kExt4); }
TEST_F(EvilArchives, IntoLxfsAsAnOrdinaryUser) {
  Archives();
  AsOrdinaryUser([this] { ImportAll(Form::kLxfs); });
}
TEST_F(EvilArchives, IntoExt4AsAnOrdinaryUser) {
  Archives();
  AsOrdinaryUser([this] { ImportAll(Form::kExt4); });
}

// Somebody with the same rights (a distro that runs, another program of the user's) swaps folders for links while an
// import writes.
TEST_F(Evil, AThreadThatSwapsFoldersForLinksAllTheTimeMovesNothingOutside) {
  const std::string outside = folder_ / "beside";
  const std::string around = Around();
  auto sink = CreateLxfsSink(inside(), kSecondOwner);
  ASSERT_TRUE(sink.ok()) << sink.status();
  const auto put = [&](const Entry& entry) {
    absl::Status status = (*sink)->Begin(entry);
    if (status.ok() && entry.type == FileType::kRegular && !entry.is_hard_link())
      status = (*sink)->Write({0, "attack"});
    if (status.ok()) status = (*sink)->End();
    return status;
  };
  const auto folder = [](std::string path) {
    return Entry{.path = std::move(path), .type = FileType::kDirectory, .mode = 0777, .uid = 5};
  };
  ASSERT_TRUE(put(folder("d")).ok() && put(folder("d/e")).ok());
  const std::string rootfs = inside() + "/rootfs";
  fs::create_symlink(outside, rootfs + "/link");
  fs::create_symlink("../../../../beside", rootfs + "/d/link");
  // By descriptors: the threads' own paths would lead outside.
  const UniqueFd above(::open(rootfs.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd in_d(::openat(above.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::atomic<bool> stop = false;
  std::atomic<int> swaps = 0;
  const auto swap = [&](const UniqueFd& parent, const char* name) {
    while (!stop) {
      if (::renameat2(parent.get(), name, parent.get(), "link", RENAME_EXCHANGE) == 0) ++swaps;
    }
  };
  std::thread top([&] { swap(above, "d"); });
  std::thread below([&] { swap(in_d, "e"); });
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  int written = 0;
  for (int i = 0; std::chrono::steady_clock::now() < end; ++i) {
    const std::string name = absl::StrCat("d/e/", i % 50);
    written += put({.path = name, .mode = 04777, .uid = 7, .size = 6, .xattrs = {{"user.a", "x"}}}).ok();
    put({.path = absl::StrCat("d/e/passwd"), .mode = 0777, .size = 6}).IgnoreError();
    put({.path = "d/e/link", .type = FileType::kSymlink, .mode = 0777, .symlink_target = "/etc"}).IgnoreError();
    put({.path = absl::StrCat("d/hard", i % 7), .hard_link_to = "d/e/passwd"}).IgnoreError();
    // Replaces a whole tree by a file and makes it anew.
    if (i % 10 == 0) put({.path = "d/e/sub", .mode = 0600, .size = 6}).IgnoreError();
    put(folder("d/e/sub")).IgnoreError();
    put({.path = "d/e/sub/device", .type = FileType::kCharDevice, .mode = 0666, .rdev_major = 1}).IgnoreError();
  }
  stop = true;
  top.join();
  below.join();
  (*sink)->Commit().IgnoreError();
  EXPECT_GT(swaps, 100);
  EXPECT_GT(written, 10);
  EXPECT_EQ(Around(), around);
}

}  // namespace
}  // namespace wslm
