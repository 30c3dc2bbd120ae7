#include "distros/config/wsl_conf.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(WslConf, AllIsOnUnlessSwitchedOff) {
  const WslConf unsaid = ReadWslConf("[user]\ndefault=ann\n");
  EXPECT_TRUE(unsaid.automount && unsaid.generate_hosts && unsaid.generate_resolv_conf && unsaid.fastpath);
  EXPECT_FALSE(unsaid.systemd);
  const WslConf off = ReadWslConf(
      "[automount]\nenabled=False\n[network]\ngenerateHosts=0\ngenerateResolvConf=FALSE\n[wslm]\nfastpath=false\n");
  EXPECT_FALSE(off.automount || off.generate_hosts || off.generate_resolv_conf || off.fastpath);
  const WslConf wrong = ReadWslConf("[automount]\nenabled=perhaps\n");
  EXPECT_TRUE(wrong.automount);
  EXPECT_EQ(wrong.warnings.size(), 1u);
}

TEST(WslConf, TheHostsFolderIsBelowTheAutomountRoot) {
  const auto at = [](const std::string& root) { return ReadWslConf("[automount]\nroot = " + root + "\n").host_folder; };
  EXPECT_EQ(ReadWslConf("").host_folder, "/mnt/host");
  EXPECT_EQ(at("/"), "/host");
  EXPECT_EQ(at("/media/windows//"), "/media/windows/host");
  EXPECT_EQ(at("relative"), "/mnt/host");
}

TEST(WslConf, AnAutomountOptionThatIsNoneLeavesTheOthers) {
  const WslConf conf = ReadWslConf("[automount]\noptions = \"metadata,bogus,umask=22\"\n");
  EXPECT_EQ(conf.drvfs, (DrvfsOptions{.metadata = true, .umask = 022}));
  EXPECT_THAT(conf.warnings, ElementsAre("Invalid option 'bogus' for key 'automount.options' in /etc/wsl.conf:2."));
}

TEST(WslConf, LimitsAreNumbers) {
  const WslConf conf = ReadWslConf("[wslm]\nmemory = 256MB\nprocessors = 2\nprocesses = 0\n");
  EXPECT_EQ(conf.memory, int64_t{256} << 20);
  EXPECT_EQ(conf.processors, 2);
  EXPECT_FALSE(conf.processes);
  EXPECT_EQ(conf.warnings.size(), 1u);
}

TEST(WslConf, TextsAreTakenAsTheyAre) {
  const WslConf conf = ReadWslConf(
      "[user]\ndefault = ann\n[boot]\nsystemd = true\ncommand = \"service ssh start; true\"\n"
      "[network]\nhostname = box-1.lan\n");
  EXPECT_EQ(conf.default_user, "ann");
  EXPECT_EQ(conf.boot_command, "service ssh start; true");
  EXPECT_EQ(conf.hostname, "box-1.lan");
  EXPECT_TRUE(conf.systemd);
  EXPECT_THAT(conf.warnings, IsEmpty());
}

TEST(WslConf, TheHostnameIsInTheHostsFile) {
  EXPECT_EQ(HostsWithName(ReadWslConf(""), "127.0.0.1 x\n"), "127.0.0.1 x\n");
  EXPECT_EQ(HostsWithName(ReadWslConf("[network]\nhostname=box\n"), "127.0.0.1 x\n"), "127.0.1.1\tbox\n127.0.0.1 x\n");
}

TEST(WslConf, AHostnameThatIsNoneIsNotTaken) {
  for (const std::string& bad : std::vector<std::string>{"a b", "-x", "ä", std::string(65, 'x')}) {
    const WslConf conf = ReadWslConf("[network]\nhostname = " + bad + "\n");
    EXPECT_EQ(conf.hostname, "") << bad;
    EXPECT_EQ(conf.warnings.size(), 1u) << bad;
  }
}

TEST(WslConf, WslsOwnKeysAreNoReasonToWarn) {
  EXPECT_THAT(ReadWslConf("[interop]\nenabled = false\nappendWindowsPath = false\n[gpu]\nenabled = true\n"
                          "[time]\nuseWindowsTimezone = false\n[boot]\nprotectBinfmt = true\n")
                  .warnings,
              IsEmpty());
  EXPECT_THAT(ReadWslConf("[interop]\ntypo = false\n").warnings,
              ElementsAre("Unknown key 'interop.typo' in /etc/wsl.conf:2."));
}

}  // namespace
}  // namespace wslm
