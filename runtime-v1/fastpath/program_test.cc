#include "runtime-v1/fastpath/program.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "runtime-v1/fastpath/call_sites.h"
#include "runtime-v1/fastpath/protocol.h"
#include "runtime-v1/fastpath/seed.h"

namespace wslm::fastpath {
namespace {

using ::testing::IsSupersetOf;

// Static, of the GNU C library.
constexpr char kStatic[] = "/usr/bin/busybox";
// The C library and its loader.
constexpr char kMusl[] = "/usr/lib/x86_64-linux-musl/libc.so";

std::string Read(const char* name) {
  std::ifstream file(name, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::set<uint32_t> Numbers(const ProgramPatch& patch) {
  std::set<uint32_t> numbers;
  for (const ProgramPatch::Site& site : patch.sites) numbers.insert(site.number);
  return numbers;
}

TEST(ProgramTest, FindsTheHotCallsOfAStaticProgram) {
  const std::string program = Read(kStatic);
  if (program.empty()) GTEST_SKIP() << "no " << kStatic;
  const auto patch = PatchProgram(program);
  ASSERT_TRUE(patch.ok()) << patch.status();
  EXPECT_THAT(Numbers(*patch), IsSupersetOf({SYS_newfstatat, SYS_openat, SYS_access, SYS_readlink, SYS_getuid}));
}

TEST(ProgramTest, FindsTheHotCallsOfMusl) {
  const std::string library = Read(kMusl);
  if (library.empty()) GTEST_SKIP() << "no " << kMusl;
  const auto patch = PatchProgram(library);
  ASSERT_TRUE(patch.ok()) << patch.status();
  EXPECT_THAT(Numbers(*patch), IsSupersetOf({SYS_stat, SYS_lstat, SYS_fstat, SYS_access, SYS_readlink, SYS_getuid}));
}

TEST(ProgramTest, SitesAreMovesOfTheirNumberAndGoToStubs) {
  for (const char* name : {kStatic, kMusl}) {
    const std::string program = Read(name);
    const auto patch = PatchProgram(program);
    if (!patch.ok()) continue;
    for (const ProgramPatch::Site& site : patch->sites) {
      ASSERT_EQ(site.before.size(), site.end - site.address);
      EXPECT_EQ(site.before[0], '\xb8');
      uint32_t number;
      std::memcpy(&number, site.before.data() + 1, sizeof(number));
      EXPECT_EQ(number, site.number);
      ASSERT_EQ(site.after.size(), kMoveSize);
      int32_t distance;
      std::memcpy(&distance, site.after.data() + 1, sizeof(distance));
      const uint64_t stub = site.address + kMoveSize + static_cast<int64_t>(distance) - patch->image_address;
      ASSERT_LT(stub, patch->image.size());
      // It begins as the site does.
      EXPECT_EQ(patch->image.substr(stub, kMoveSize), site.before.substr(0, kMoveSize));
    }
  }
}

TEST(ProgramTest, ASeedEndsWithWhatFindsIt) {
  const std::string seed =
      MakeSeed({.address = 0x5000, .image = 1, .image_size = 2, .block = 3, .site = 0x4000, .number = 6});
  WslmFastSeedEnd end;
  ASSERT_EQ(seed.size(), SeedSize());
  std::memcpy(&end, seed.data() + seed.size() - sizeof(end), sizeof(end));
  EXPECT_EQ(end.off, 0u);
  EXPECT_EQ(end.magic, WSLM_FAST_SEED_MAGIC);
}

constexpr size_t kCode = 256;

// A function of code in a program that is nothing else: a header, a segment of one page, a section.
std::string ProgramOf(std::string_view code) {
  constexpr uint64_t kAddress = 0x400000;
  std::string file(32768, '\0');
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_type = ET_EXEC;
  header.e_machine = EM_X86_64;
  header.e_phoff = sizeof(header);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  header.e_shoff = sizeof(header) + sizeof(Elf64_Phdr);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 1;
  Elf64_Phdr segment = {};
  segment.p_type = PT_LOAD;
  segment.p_flags = PF_R | PF_X;
  segment.p_vaddr = kAddress;
  segment.p_filesz = segment.p_memsz = kCode + code.size();
  Elf64_Shdr section = {};
  section.sh_type = SHT_PROGBITS;
  section.sh_flags = SHF_ALLOC | SHF_EXECINSTR;
  section.sh_addr = kAddress + kCode;
  section.sh_offset = kCode;
  section.sh_size = code.size();
  std::memcpy(file.data(), &header, sizeof(header));
  std::memcpy(file.data() + header.e_phoff, &segment, sizeof(segment));
  std::memcpy(file.data() + header.e_shoff, &section, sizeof(section));
  file.replace(kCode, code.size(), code);
  return file;
}

using std::string_literals::operator""s;
const std::string kLstat = "\xb8\6\0\0\0\x0f\5"s;
const std::string kRet = "\xc3"s;

size_t SitesIn(const std::string& code) {
  const auto patch = PatchProgram(ProgramOf(code));
  return patch.ok() ? patch->sites.size() : 0;
}

TEST(ProgramTest, TakesACallAndMovesOfItsArguments) {
  EXPECT_EQ(SitesIn(kLstat + kRet), 1u);
  // mov %rsp,%rsi between.
  EXPECT_EQ(SitesIn("\xb8\6\0\0\0\x48\x89\xe6\x0f\5\xc3"s), 1u);
}

TEST(ProgramTest, LeavesWhatIsNotServedOrNotOnlyMoves) {
  // fork(2); pop %rsi between; mov 1(%rip),%rsi between; the number changed between.
  EXPECT_EQ(SitesIn("\xb8\x39\0\0\0\x0f\5\xc3"s), 0u);
  EXPECT_EQ(SitesIn("\xb8\6\0\0\0\x5e\x0f\5\xc3"s), 0u);
  EXPECT_EQ(SitesIn("\xb8\6\0\0\0\x48\x8b\x35\1\0\0\0\x0f\5\xc3"s), 0u);
  EXPECT_EQ(SitesIn("\xb8\6\0\0\0\x89\xd0\x0f\5\xc3"s), 0u);
}

TEST(ProgramTest, LeavesWhatABranchLeadsInto) {
  // jmp to the site's second byte: short, before and behind; and with a wide reach.
  EXPECT_EQ(SitesIn("\xeb\1"s + kLstat + kRet), 0u);
  EXPECT_EQ(SitesIn(kLstat + "\xeb\xf8\xc3"s), 0u);
  EXPECT_EQ(SitesIn(kLstat + "\xe9\xf5\xff\xff\xff\xc3"s), 0u);
  // To its first and to its `syscall`.
  EXPECT_EQ(SitesIn("\xeb\0"s + kLstat + kRet), 1u);
  EXPECT_EQ(SitesIn(kLstat + "\xeb\xfc\xc3"s), 1u);
}

TEST(ProgramTest, LeavesWhatIsTheMiddleOfAnInstruction) {
  // movabs $…,%rbx, whose value looks like a site.
  EXPECT_EQ(SitesIn("\x48\xbb"s + kLstat + "\0\xc3"s), 0u);
}

TEST(ProgramTest, RefusesWhatHasNoRoom) {
  const std::string code = kLstat + kRet;
  const size_t room = 4096 - kCode - code.size();
  EXPECT_TRUE(PatchProgram(ProgramOf(code + std::string(room - SeedSize(), '\x90'))).ok());
  EXPECT_FALSE(PatchProgram(ProgramOf(code + std::string(room - SeedSize() + 1, '\x90'))).ok());
}

TEST(ProgramTest, TakesTheRoomBehindTheSegmentWhateverTheFileHasThere) {
  std::string file = ProgramOf(kLstat + kRet);
  file[4095] = 'x';
  const auto patch = PatchProgram(file);
  ASSERT_TRUE(patch.ok()) << patch.status();
  EXPECT_EQ(patch->seed + SeedSize(), 0x401000u);
  EXPECT_EQ(patch->at_seed, std::string(SeedSize() - 1, '\0') + 'x');
}

TEST(ProgramTest, RefusesWhatWouldTakeLong) {
  // So that a disassembler falls into step.
  const std::string apart = kLstat + std::string(9, '\x90');
  std::string many;
  for (int i = 0; i < 250; ++i) many += apart;
  EXPECT_EQ(SitesIn(many + kRet), 250u);
  for (int i = 0; i < 50; ++i) many += apart;
  EXPECT_EQ(SitesIn(many + kRet), 0u);
}

// Of a guest's choice: no length or offset in it may be believed.
TEST(ProgramTest, SurvivesDamagedPrograms) {
  const std::string program = Read(kStatic);
  if (program.empty()) GTEST_SKIP() << "no " << kStatic;
  for (size_t size : {0u, 63u, 64u, 500u, 4096u, 200'000u}) PatchProgram(program.substr(0, size)).IgnoreError();
  for (size_t at = 0; at < 0x200; at += 8) {
    std::string damaged = program;
    damaged[at] = '\xff';
    PatchProgram(damaged).IgnoreError();
  }
}

}  // namespace
}  // namespace wslm::fastpath
