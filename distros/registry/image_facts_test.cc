#include "distros/registry/image_facts.h"

#include "distros/tree/test_tree.h"
#include "distros/tree/transfer.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

ImageFacts FactsOf(std::vector<TestFile> files) {
  TestSource source(std::move(files));
  TestSink sink;
  FactsFilter filter(sink);
  const absl::StatusOr<TransferResult> result = Transfer(source, filter, {});
  EXPECT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(sink.committed);
  return filter.facts();
}

constexpr char kRelease[] = "NAME=\"Debian GNU/Linux\"\nID=debian\nID_LIKE=x\nVERSION_ID=\"12\"\n";

TEST(ImageFacts, AUsrMergedDebian) {
  const ImageFacts facts =
      FactsOf({Symlink("bin", "usr/bin"), Symlink("etc/os-release", "../usr/lib/os-release"), File("usr/bin/sh", "ELF"),
               File("usr/lib/os-release", kRelease), File("etc/wsl.conf", "[user]\ndefault = ann\n")});
  EXPECT_EQ(facts.flavor, "debian");
  EXPECT_EQ(facts.os_version, "12");
  EXPECT_EQ(facts.wsl_default_user, "ann");
  EXPECT_TRUE(facts.has_shell);
  EXPECT_TRUE(facts.has_os_release);
}

TEST(ImageFacts, LinksMayBeAbsoluteAndLeadThroughLinksAndComeInAnyOrder) {
  const ImageFacts facts =
      FactsOf({File("nix/store/abc/os-release", "ID='nixos'\n"), Symlink("bin/sh", "/nix/x"),
               Symlink("etc/os-release", "/etc/static/os-release"), Symlink("etc/static", "/nix/store/abc")});
  EXPECT_EQ(facts.flavor, "nixos");
  EXPECT_TRUE(facts.has_shell);
}

TEST(ImageFacts, OnlyUsrLibOsRelease) { EXPECT_EQ(FactsOf({File("usr/lib/os-release", kRelease)}).flavor, "debian"); }

TEST(ImageFacts, AHardLinkedReleaseFile) {
  EXPECT_EQ(FactsOf({HardLink("etc/os-release", "usr/lib/os-release"), File("usr/lib/os-release", kRelease)}).flavor,
            "debian");
}

TEST(ImageFacts, NoDistroAtAll) {
  const ImageFacts facts = FactsOf({File("a", "b"), Symlink("etc/os-release", "os-release"), Symlink("bin", "bin")});
  EXPECT_FALSE(facts.has_shell);
  EXPECT_FALSE(facts.has_os_release);
  EXPECT_EQ(facts.flavor, "");
}

TEST(ImageFacts, HostileTextsAreLeftOut) {
  const ImageFacts facts = FactsOf({File("etc/os-release", "ID=\"\x1b[31m\"\nVERSION_ID=\xff\n"),
                                    File("etc/wsl.conf", "[user]\ndefault=-oProxy\n")});
  EXPECT_TRUE(facts.has_os_release);
  EXPECT_EQ(facts.flavor, "");
  EXPECT_EQ(facts.os_version, "");
  EXPECT_EQ(facts.wsl_default_user, "");
}

TEST(ImageFacts, TheLastOfAPathCounts) {
  EXPECT_EQ(FactsOf({File("etc/os-release", "ID=a\n"), File("etc/os-release", "ID=b\n")}).flavor, "b");
}

TEST(ImageFacts, ATreeOfNothingButShellsAndLinksDoesNotHideItsRelease) {
  std::vector<TestFile> files = {File("etc/os-release", "ID=first\n")};
  for (int i = 0; i < 60'000; ++i) files.push_back(File(std::to_string(i) + "/sh", ""));
  for (int i = 0; i < 100; ++i) files.push_back(Symlink("x" + std::to_string(i) + "/bin", std::string(4000, 't')));
  files.push_back(File("etc/os-release", "ID=last\n"));
  EXPECT_EQ(FactsOf(files).flavor, "last");
}

TEST(ImageFacts, AccountsByNumber) {
  const ImageFacts facts =
      FactsOf({Symlink("etc/passwd", "../usr/share/etc/passwd"), File("bin/passwd", "ELF"),
               File("usr/share/etc/passwd",
                    "root:x:0:0::/root:/bin/sh\nbroken\na b:x:7:7::/:/\napp:x:1000:1000:App:/app:\n"
                    "second:x:1000:1:::\nhex:x:0x7:7::/:/\nlast:*:4294967295")});
  EXPECT_EQ(AccountNameOf(facts.passwd, 0), "root");
  EXPECT_EQ(AccountNameOf(facts.passwd, 1000), "app");
  EXPECT_EQ(AccountNameOf(facts.passwd, 4294967295), "last");
  EXPECT_EQ(AccountNameOf(facts.passwd, 7), std::nullopt);
  EXPECT_EQ(AccountNameOf(facts.passwd, 5), std::nullopt);
  EXPECT_EQ(AccountNameOf("", 0), std::nullopt);
}

TEST(ImageFacts, AnEnormousReleaseFileIsNotKept) {
  EXPECT_EQ(FactsOf({File("etc/os-release", std::string(1 << 20, '\n').append("ID=a\n"))}).flavor, "");
}

}  // namespace
}  // namespace wslm
