#include "distros/config/user_config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(UserConfig, EachKeyMayStandInOursOrInWslsSection) {
  for (const std::string section : {"wslm", "WSL2"}) {
    const UserConfig config = ReadUserConfig("[" + section +
                                                 "]\nkernel = /boot/mine\nkernelCommandLine = quiet x=1\nmemory = 4GB\n"
                                                 "swap = 0\nprocessors = 2\nvmIdleTimeout = -1\nvmNetwork = slirp\n",
                                             "F");
    EXPECT_THAT(config.warnings, IsEmpty());
    EXPECT_EQ(config.kernel, "/boot/mine");
    EXPECT_EQ(config.kernel_command_line, "quiet x=1");
    EXPECT_EQ(config.memory, int64_t{4} << 30);
    EXPECT_EQ(config.swap, 0);
    EXPECT_EQ(config.processors, 2);
    EXPECT_EQ(config.vm_idle_timeout, std::chrono::milliseconds(-1));
    EXPECT_EQ(config.network, UserConfig::Network::kSlirp);
  }
  for (const std::string section : {"wslm", "general"}) {
    EXPECT_EQ(ReadUserConfig("[" + section + "]\ninstanceIdleTimeout = 500\n", "F").instance_idle_timeout,
              std::chrono::milliseconds(500));
  }
}

TEST(UserConfig, WhatWslDoesNotHaveStandsInOurSectionOnly) {
  EXPECT_EQ(ReadUserConfig("[wslm]\nhibernateTimeout = 500\n", "F").hibernate_timeout, std::chrono::milliseconds(500));
  const UserConfig config = ReadUserConfig("[wsl2]\nhibernateTimeout = 500\n", "F");
  EXPECT_FALSE(config.hibernate_timeout);
  EXPECT_EQ(config.warnings.size(), 1U);
}

TEST(UserConfig, WhatIsNotSaidIsEmptyAndWhatIsWrongStaysSo) {
  const UserConfig config =
      ReadUserConfig("[wsl2]\nmemory = lots\nprocessors = 0\nnestedVirtualization = true\nvmNetwork = mirrored\n", "F");
  EXPECT_FALSE(config.memory || config.swap || config.processors || config.vm_idle_timeout);
  EXPECT_THAT(config.warnings, ElementsAre("Invalid size 'lots' for key 'wsl2.memory' in F:2.",
                                           "Invalid integer value '0' for key 'wsl2.processors' in F:3.",
                                           "Invalid network 'mirrored' for key 'wsl2.vmNetwork' in F:5."));
  EXPECT_EQ(config.network, UserConfig::Network::kAuto);
}

}  // namespace
}  // namespace wslm
