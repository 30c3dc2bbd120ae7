#include "runtime-v1/fastpath/patcher.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

namespace wslm::fastpath {
namespace {

constexpr char kLibrary[] = "/lib/x86_64-linux-gnu/libc.so.6";

std::string ReadLibrary() {
  std::ifstream file(kLibrary, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(PatcherTest, SendsTheHotCallsOfTheCLibraryElsewhere) {
  const std::string library = ReadLibrary();
  if (library.empty()) GTEST_SKIP() << "no " << kLibrary;
  const auto patched = PatchLibrary(library);
  ASSERT_TRUE(patched.ok()) << patched.status();
  // The stat, open, access and readlink families, and four ids.
  EXPECT_GE(patched->sites, 16u);
  EXPECT_EQ(patched->shared_offset % 4096, 0u);
}

TEST(PatcherTest, MovesNoByteOfTheOriginal) {
  const std::string library = ReadLibrary();
  if (library.empty()) GTEST_SKIP() << "no " << kLibrary;
  const auto patched = PatchLibrary(library);
  ASSERT_TRUE(patched.ok()) << patched.status();
  Elf64_Ehdr header;
  std::memcpy(&header, library.data(), sizeof(header));
  size_t changed = 0;
  for (size_t i = header.e_phoff + header.e_phnum * sizeof(Elf64_Phdr); i < library.size(); ++i) {
    changed += library[i] != patched->bytes[i];
  }
  EXPECT_GT(changed, 0u);
  EXPECT_LE(changed, patched->sites * 7);
}

// Natively, where nobody answers the handlers' question, so that they make the ordinary calls.
TEST(PatcherTest, ProgramsRunWithTheCopy) {
  const std::string library = ReadLibrary();
  if (library.empty()) GTEST_SKIP() << "no " << kLibrary;
  const auto patched = PatchLibrary(library);
  ASSERT_TRUE(patched.ok()) << patched.status();
  char folder[] = "/tmp/fastpath-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string copy = std::string(folder) + "/libc.so.6";
  std::ofstream(copy, std::ios::binary) << patched->bytes;
  const std::string command =
      "LD_LIBRARY_PATH=" + std::string(folder) +
      " /bin/sh -c 'ls -lR /etc/apt >/dev/null && test -r /etc/passwd && readlink /proc/self/exe "
      ">/dev/null && test \"$(id -u)\" = " +
      std::to_string(::getuid()) + "'";
  EXPECT_EQ(std::system(command.c_str()), 0);
  ::unlink(copy.c_str());
  ::rmdir(folder);
}

TEST(PatcherTest, RefusesWhatIsNoLibrary) {
  EXPECT_FALSE(PatchLibrary("").ok());
  EXPECT_FALSE(PatchLibrary("\x7f"
                            "ELF")
                   .ok());
  EXPECT_FALSE(PatchLibrary(std::string(1 << 20, 'x')).ok());
}

// A library of a guest's choice reaches the patcher: no length or offset in it may be believed.
TEST(PatcherTest, SurvivesDamagedLibraries) {
  const std::string library = ReadLibrary();
  if (library.empty()) GTEST_SKIP() << "no " << kLibrary;
  for (size_t size : {63u, 64u, 500u, 4096u, 200'000u, 1'000'000u}) PatchLibrary(library.substr(0, size)).IgnoreError();
  for (size_t at = 0; at < 0x350; at += 16) {
    std::string damaged = library;
    damaged[at] = '\xff';
    PatchLibrary(damaged).IgnoreError();
  }
}

}  // namespace
}  // namespace wslm::fastpath
