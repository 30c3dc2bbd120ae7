#include "runtime-v2/modules/module_index.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace wslm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A .ko file with nothing but a .modinfo section.
std::string ElfWith(const std::string& modinfo) {
  const std::string names = std::string("\0.shstrtab\0.modinfo\0", 20);
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 3;
  header.e_shstrndx = 1;
  header.e_shoff = sizeof header + names.size() + modinfo.size();
  Elf64_Shdr sections[3] = {};
  sections[1].sh_name = 1;
  sections[1].sh_offset = sizeof header;
  sections[1].sh_size = names.size();
  sections[2].sh_name = 11;
  sections[2].sh_offset = sizeof header + names.size();
  sections[2].sh_size = modinfo.size();
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + names + modinfo +
         std::string(reinterpret_cast<const char*>(sections), sizeof sections);
}

ModuleIndex Example() {
  ModuleIndex index;
  index.Add("kernel/fs/ext4/ext4.ko",
            {.depends = {"jbd2", "mbcache"}, .aliases = {"fs-ext4", "ext3"}, .soft_before = {"crypto-crc32c"}});
  index.Add("kernel/fs/jbd2/jbd2.ko", {});
  index.Add("kernel/fs/mbcache.ko", {});
  index.Add("kernel/crypto/crc32c_generic.ko", {.aliases = {"crypto-crc32c"}});
  index.Add("kernel/net/nf_tables.ko", {});
  index.Add("kernel/net/nft-chain-nat.ko", {.depends = {"nf_tables", "nf-nat"}, .aliases = {"nft-chain-1-nat"}});
  index.Add("kernel/net/nf_nat.ko", {.depends = {"nf_conntrack"}});
  index.Add("kernel/net/nf_conntrack.ko", {});
  index.Add("kernel/drivers/scsi/sd_mod.ko", {.aliases = {"scsi:t-0x00*", "block-major-8-*"}});
  return index;
}

std::vector<std::string> Found(const std::string& wanted) {
  const ModuleIndex index = Example();
  return FindLoadOrder({index.DepText(), index.AliasText(), index.SoftdepText()}, wanted);
}

TEST(ModInfoTest, SaysWhatAModuleNeedsAndServes) {
  const auto info =
      ReadModInfo(ElfWith(std::string("license=GPL\0depends=jbd2,crc16\0\0alias=fs-ext4\0alias=ext3\0"
                                      "softdep=pre: a b post: c\0",
                                      81)));
  ASSERT_TRUE(info.has_value());
  EXPECT_THAT(info->depends, ElementsAre("jbd2", "crc16"));
  EXPECT_THAT(info->aliases, ElementsAre("fs-ext4", "ext3"));
  EXPECT_THAT(info->soft_before, ElementsAre("a", "b"));
}

TEST(ModInfoTest, IsNotFoundInWhatIsNoModule) {
  EXPECT_FALSE(ReadModInfo("").has_value());
  EXPECT_FALSE(
      ReadModInfo("not an ELF file, but long enough to hold the header of one, so that it is looked at").has_value());
  const std::string whole = ElfWith("depends=");
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(ReadModInfo(whole.substr(0, size)).has_value()) << size;
}

TEST(ModuleIndexTest, LoadsWhatAModuleNeedsFirst) {
  EXPECT_THAT(Example().LoadOrder("ext4"), ElementsAre("kernel/crypto/crc32c_generic.ko", "kernel/fs/jbd2/jbd2.ko",
                                                       "kernel/fs/mbcache.ko", "kernel/fs/ext4/ext4.ko"));
  EXPECT_THAT(Example().LoadOrder("nft_chain_nat"), ElementsAre("kernel/net/nf_tables.ko", "kernel/net/nf_conntrack.ko",
                                                                "kernel/net/nf_nat.ko", "kernel/net/nft-chain-nat.ko"));
}

TEST(ModuleIndexTest, KnowsModulesByAliasWithWildcardsAndEitherDash) {
  EXPECT_THAT(Example().LoadOrder("block-major-8-0"), ElementsAre("kernel/drivers/scsi/sd_mod.ko"));
  EXPECT_THAT(Example().LoadOrder("nf-nat"), ElementsAre("kernel/net/nf_conntrack.ko", "kernel/net/nf_nat.ko"));
  EXPECT_THAT(Example().LoadOrder("fs-xfs"), IsEmpty());
}

TEST(ModuleIndexTest, AnEndlessCircleOfNeedsEnds) {
  ModuleIndex index;
  index.Add("a.ko", {.depends = {"b"}, .soft_before = {"b"}});
  index.Add("b.ko", {.depends = {"a"}, .soft_before = {"a"}});
  EXPECT_THAT(index.LoadOrder("a"), ElementsAre("b.ko", "a.ko"));
  EXPECT_THAT(FindLoadOrder({index.DepText(), index.AliasText(), index.SoftdepText()}, "a"), testing::SizeIs(2));
}

TEST(ModuleIndexTest, WritesWhatDepmodWrites) {
  EXPECT_THAT(Example().DepText(), HasSubstr("kernel/net/nft-chain-nat.ko: kernel/net/nf_nat.ko "
                                             "kernel/net/nf_conntrack.ko kernel/net/nf_tables.ko\n"));
  EXPECT_THAT(Example().AliasText(), HasSubstr("alias fs_ext4 ext4\n"));
  EXPECT_THAT(Example().SoftdepText(), HasSubstr("softdep ext4 pre: crypto-crc32c\n"));
}

TEST(FindLoadOrderTest, FindsInTheTextsWhatTheIndexKnows) {
  for (const char* wanted : {"ext4", "fs-ext4", "nft-chain-1-nat", "nft_chain_1_nat", "block-major-8-16", "nf-nat",
                             "none", "ext", "nf_table"}) {
    EXPECT_EQ(Found(wanted), Example().LoadOrder(wanted)) << wanted;
  }
}

}  // namespace
}  // namespace wslm
