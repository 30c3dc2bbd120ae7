// Snapshots without a VM: what is kept of a memory, what is not taken from a file, and which file is whose.
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "distros/host/files.h"
#include "distros/host/test_folder.h"
#include "runtime-v2/host/snapshot_file.h"
#include "runtime-v2/host/snapshot_key.h"
#include "runtime-v2/host/snapshot_store.h"

namespace wslm {
namespace {

constexpr int64_t kMemory = 16 << 20;

UniqueFd Memory(int64_t size = kMemory) {
  auto memory = MakeMemory("test", size);
  EXPECT_TRUE(memory.ok()) << memory.status();
  return *std::move(memory);
}

void Put(const UniqueFd& fd, int64_t offset, std::string_view bytes) {
  ASSERT_EQ(::pwrite(fd.get(), bytes.data(), bytes.size(), offset), static_cast<ssize_t>(bytes.size()));
}

std::string All(const UniqueFd& fd) {
  struct stat status {};
  ::fstat(fd.get(), &status);
  std::string bytes(static_cast<size_t>(status.st_size), '\0');
  EXPECT_EQ(::pread(fd.get(), bytes.data(), bytes.size(), 0), status.st_size);
  return bytes;
}

std::string OnlyFileIn(const std::string& folder) {
  std::string found;
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    found = entry.path();
    ++count;
  }
  EXPECT_EQ(count, 1) << folder;
  return found;
}

class SnapshotTest : public testing::Test {
 protected:
  SnapshotTest() : memory_(Memory()), state_(Memory(0)) {
    Put(memory_, 0, "the beginning");
    Put(memory_, (5 << 20) + 12345, "the middle");
    Put(memory_, kMemory - 7, "the end");
    // Used, but nothing is in it.
    Put(memory_, 8 << 20, std::string(1 << 20, '\0'));
    Put(state_, 0, std::string(200'000, 's').append("of the devices"));
  }

  absl::StatusOr<SnapshotHead> Load(const std::string& key) {
    loaded_ = Memory();
    loaded_state_ = Memory(0);
    return store_.Load(key, loaded_.get(), loaded_state_.get());
  }

  TestFolder folder_;
  const std::string path_ = folder_ / "kept";
  const SnapshotStore store_{path_};
  UniqueFd memory_;
  UniqueFd state_;
  UniqueFd loaded_;
  UniqueFd loaded_state_;
};

TEST_F(SnapshotTest, ComesBackAsItWasAndTakesNoRoomForWhatIsZero) {
  ASSERT_TRUE(store_.Save({.key = "a", .tsc_khz = 2'500'000}, memory_.get(), state_.get()).ok());
  EXPECT_TRUE(store_.Has("a"));
  const auto head = Load("a");
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(head->tsc_khz, 2'500'000);
  EXPECT_EQ(All(loaded_), All(memory_));
  EXPECT_EQ(All(loaded_state_), All(state_));
  EXPECT_EQ(::lseek(loaded_state_.get(), 0, SEEK_CUR), 0);
  struct stat status {};
  ASSERT_EQ(::stat(OnlyFileIn(path_).c_str(), &status), 0);
  EXPECT_LT(status.st_size, 600'000);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
}

TEST_F(SnapshotTest, IsNotThatOfAnotherVm) {
  ASSERT_TRUE(store_.Save({.key = "a"}, memory_.get(), state_.get()).ok());
  EXPECT_FALSE(store_.Has("b"));
  EXPECT_TRUE(absl::IsNotFound(Load("b").status()));
  // Not even under its name.
  const UniqueFd memory = Memory();
  EXPECT_TRUE(absl::IsDataLoss(ReadSnapshot(OnlyFileIn(path_), "b", memory.get(), state_.get()).status()));
}

TEST_F(SnapshotTest, ThatIsDamagedAnywhereIsRemoved) {
  ASSERT_TRUE(store_.Save({.key = "key"}, memory_.get(), state_.get()).ok());
  const std::string path = OnlyFileIn(path_);
  const std::string whole = ReadSmallFile(path).value_or("");
  ASSERT_GT(whole.size(), 300'000U);
  for (size_t at = 0; at < whole.size(); at += at < 100 ? 1 : 9'973) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    ASSERT_TRUE(WriteFileAtomically(path, bytes).ok());
    EXPECT_TRUE(absl::IsDataLoss(Load("key").status())) << at;
    EXPECT_FALSE(store_.Has("key")) << at;
    ASSERT_TRUE(WriteFileAtomically(path, std::string_view(whole).substr(0, at)).ok());
    EXPECT_TRUE(absl::IsDataLoss(Load("key").status())) << at;
    EXPECT_FALSE(store_.Has("key")) << at;
  }
}

TEST_F(SnapshotTest, OnlyTheLastTwoAreKept) {
  for (const char* key : {"a", "b"}) {
    ASSERT_TRUE(store_.Save({.key = key}, memory_.get(), state_.get()).ok());
    ::usleep(20'000);
  }
  // Used again.
  ASSERT_TRUE(Load("a").ok());
  ::usleep(20'000);
  ASSERT_TRUE(store_.Save({.key = "c"}, memory_.get(), state_.get()).ok());
  EXPECT_TRUE(store_.Has("a"));
  EXPECT_FALSE(store_.Has("b"));
  EXPECT_TRUE(store_.Has("c"));
}

TEST(BuildIdTest, IsReadFromTheNotesOfAProgram) {
  struct {
    Elf64_Ehdr header{};
    Elf64_Phdr segment{};
    Elf64_Nhdr first{.n_namesz = 3, .n_descsz = 1, .n_type = 1};
    char first_name[4] = {'X', 'Y', 0, 0};
    char first_content[4] = {1, 0, 0, 0};
    Elf64_Nhdr note{.n_namesz = 4, .n_descsz = 3, .n_type = NT_GNU_BUILD_ID};
    char name[4] = {'G', 'N', 'U', 0};
    char id[4] = {'\xAB', '\x01', '\xFF', 0};
  } elf;
  std::memcpy(elf.header.e_ident, ELFMAG, SELFMAG);
  elf.header.e_ident[EI_CLASS] = ELFCLASS64;
  elf.header.e_phoff = offsetof(decltype(elf), segment);
  elf.header.e_phnum = 1;
  elf.segment.p_type = PT_NOTE;
  elf.segment.p_offset = offsetof(decltype(elf), first);
  elf.segment.p_filesz = sizeof elf - offsetof(decltype(elf), first);
  const std::string_view bytes(reinterpret_cast<const char*>(&elf), sizeof elf);
  EXPECT_EQ(BuildIdIn(bytes), "ab01ff");
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_EQ(BuildIdIn(bytes.substr(0, size)), "") << size;
  EXPECT_EQ(BuildIdIn(std::string(1000, '\xFF')), "");
}

class SnapshotKeyTest : public testing::Test {
 protected:
  SnapshotKeyTest() {
    for (const char* name : {"kernel", "initramfs", "modules"}) {
      EXPECT_TRUE(WriteFileAtomically(folder_ / name, name).ok());
    }
    options_ = {.program = "/proc/self/exe",
                .kernel = folder_ / "kernel",
                .initramfs = folder_ / "initramfs",
                .modules_image = folder_ / "modules"};
  }

  TestFolder folder_;
  QemuOptions options_;
};

TEST_F(SnapshotKeyTest, IsThatOfAllThatMakesAVm) {
  const auto key = SnapshotKey(options_);
  if (absl::IsNotFound(key.status())) GTEST_SKIP() << "this program was linked without a build id";
  ASSERT_TRUE(key.ok()) << key.status();
  QemuOptions same = options_;
  same.tsc_khz = 1;
  same.control_socket = "/a";
  same.qmp_socket = "/b";
  same.console_log = "/c";
  EXPECT_EQ(*key, SnapshotKey(same).value_or(""));

  QemuOptions larger = options_;
  larger.memory_mib *= 2;
  QemuOptions more = options_;
  more.processors = 2;
  QemuOptions words = options_;
  words.kernel_command_line = "quiet";
  QemuOptions kvm = options_;
  kvm.kvm = true;
  for (const QemuOptions& other : {larger, more, words, kvm}) EXPECT_NE(*key, SnapshotKey(other).value_or(""));
  ASSERT_TRUE(WriteFileAtomically(folder_ / "kernel", "a newer one").ok());
  EXPECT_NE(*key, SnapshotKey(options_).value_or(""));
  options_.initramfs = folder_ / "nowhere";
  EXPECT_FALSE(SnapshotKey(options_).ok());
  options_.initramfs = folder_ / "initramfs";
  options_.modules_image.clear();
  EXPECT_TRUE(SnapshotKey(options_).ok());
}

}  // namespace
}  // namespace wslm
