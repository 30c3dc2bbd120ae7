#include "runtime-v2/host/initramfs.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

#include "distros/host/files.h"
#include "distros/host/remove_tree.h"

namespace wslm {
namespace {

// What a reader that isn't ours finds: type, permissions, content or target.
std::map<std::string, std::string> Read(const std::string& cpio) {
  std::map<std::string, std::string> entries;
  archive* reader = ::archive_read_new();
  ::archive_read_support_format_cpio(reader);
  EXPECT_EQ(::archive_read_open_memory(reader, cpio.data(), cpio.size()), ARCHIVE_OK);
  archive_entry* entry = nullptr;
  while (::archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
    std::string content(static_cast<size_t>(::archive_entry_size(entry)), '\0');
    ::archive_read_data(reader, content.data(), content.size());
    const char* target = ::archive_entry_symlink(entry);
    char mode[16];
    std::snprintf(mode, sizeof mode, "%o ", static_cast<unsigned>(::archive_entry_mode(entry)));
    entries[::archive_entry_pathname(entry)] = mode + (target == nullptr ? content : target);
  }
  ::archive_read_free(reader);
  return entries;
}

TEST(CpioWriterTest, WritesWhatOthersRead) {
  CpioWriter writer;
  writer.AddFolder("dev", 0755);
  writer.AddFile("init", 0755, "odd");
  writer.AddFile("empty", 0644, "");
  writer.AddLink("sbin/modprobe", "/init");
  const std::string cpio = writer.Finish();
  EXPECT_EQ(cpio.size() % 4, 0U);
  EXPECT_THAT(Read(cpio), testing::ElementsAre(testing::Pair("dev", "40755 "), testing::Pair("empty", "100644 "),
                                               testing::Pair("init", "100755 odd"),
                                               testing::Pair("sbin/modprobe", "120777 /init")));
}

class InitramfsTest : public testing::Test {
 protected:
  InitramfsTest() : folder_(testing::TempDir() + "/initramfs_test-" + std::to_string(::getpid())) {
    Write("agent", "the agent");
    Write("wslm-init", "the init");
    Write("boot/ORDER", "b.ko\na.ko\n");
    Write("boot/a.ko", "A");
    Write("boot/b.ko", "B");
  }
  ~InitramfsTest() override { RemoveTree(folder_).IgnoreError(); }

  void Write(const std::string& name, const std::string& content) {
    EXPECT_TRUE(MakeFolders(ParentPath(folder_ + "/" + name)).ok());
    EXPECT_TRUE(WriteFileAtomically(folder_ + "/" + name, content).ok());
  }
  std::string Ensure() {
    const auto path = EnsureInitramfs(
        {.agent = folder_ + "/agent", .init = folder_ + "/wslm-init", .boot_modules = folder_ + "/boot"}, folder_);
    EXPECT_TRUE(path.ok()) << path.status();
    return path.value_or("");
  }
  const std::string folder_;
};

TEST_F(InitramfsTest, HoldsAgentInitAndModules) {
  auto entries = Read(ReadSmallFile(Ensure()).value_or(""));
  EXPECT_EQ(entries["init"], "100755 the agent");
  EXPECT_EQ(entries["wslm-init"], "100755 the init");
  EXPECT_EQ(entries["boot-modules/ORDER"], "100644 b.ko\na.ko\n");
  EXPECT_EQ(entries["boot-modules/a.ko"], "100644 A");
  EXPECT_EQ(entries["boot-modules/b.ko"], "100644 B");
}

TEST_F(InitramfsTest, NeedsNoModulesAndMakesItsFolder) {
  const std::string cache = folder_ + "/not/there";
  const auto path = EnsureInitramfs({.agent = folder_ + "/agent", .init = folder_ + "/wslm-init"}, cache);
  ASSERT_TRUE(path.ok()) << path.status();
  auto entries = Read(ReadSmallFile(*path).value_or(""));
  EXPECT_EQ(entries["init"], "100755 the agent");
  EXPECT_EQ(entries["boot-modules/ORDER"], "100644 ");
}

TEST_F(InitramfsTest, IsMadeAnewWhenAPartChanged) {
  const std::string first = Ensure();
  EXPECT_EQ(Ensure(), first);
  Write("agent", "another agent");
  const std::string second = Ensure();
  EXPECT_NE(second, first);
  EXPECT_FALSE(PathExists(first));
}

}  // namespace
}  // namespace wslm
