#include "distros/config/start_settings.h"

#include "gtest/gtest.h"

namespace wslm {
namespace {

TEST(StartSettings, AreOnUnlessSwitchedOff) {
  const StartSettings unsaid = ReadStartSettings("[user]\ndefault=ann\n");
  EXPECT_TRUE(unsaid.automount && unsaid.generate_hosts && unsaid.generate_resolv_conf);
  const StartSettings off =
      ReadStartSettings("[automount]\nenabled=False\n[network]\ngenerateHosts=0\ngenerateResolvConf=FALSE\n");
  EXPECT_FALSE(off.automount || off.generate_hosts || off.generate_resolv_conf);
  EXPECT_TRUE(ReadStartSettings("[automount]\nenabled=perhaps\n").automount);
}

TEST(StartSettings, TheHostsFolderIsBelowTheAutomountRoot) {
  const auto at = [](const std::string& root) {
    return ReadStartSettings("[automount]\nroot = " + root + "\n").host_folder;
  };
  EXPECT_EQ(ReadStartSettings("").host_folder, "/mnt/host");
  EXPECT_EQ(at("/"), "/host");
  EXPECT_EQ(at("/media/windows//"), "/media/windows/host");
  EXPECT_EQ(at("relative"), "/mnt/host");
}

}  // namespace
}  // namespace wslm
