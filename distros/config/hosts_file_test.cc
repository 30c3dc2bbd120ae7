#include "distros/config/hosts_file.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(HostsFileTest, KnowsTheDistroAndTheHostsNames) {
  const std::string text =
      HostsFile("mine", "10.0.2.2",
                "127.0.0.1 localhost app.test\n127.0.1.1 mine thehost\n::1 localhost ip6-localhost\n"
                "ff02::1 ip6-allnodes\n10.1.2.3\tserver server.lan # the one\n# 10.9.9.9 no\n\n"
                "fd00::5 six\n10.1.1.1\n");
  EXPECT_THAT(text, HasSubstr("127.0.0.1\tlocalhost\n127.0.1.1\tmine\n"));
  EXPECT_THAT(text, HasSubstr("10.1.2.3\tserver server.lan\n"));
  EXPECT_THAT(text, HasSubstr("fd00::5\tsix\n"));
  EXPECT_THAT(text, HasSubstr("10.0.2.2\thost.wslm.internal\n"));
  EXPECT_THAT(text, HasSubstr("10.0.2.2\tapp.test\n10.0.2.2\tthehost\n"));
  EXPECT_THAT(text, Not(HasSubstr("10.0.2.2\tmine")));
  EXPECT_THAT(text, Not(HasSubstr("10.9.9.9")));
  EXPECT_THAT(text, Not(HasSubstr("10.1.1.1")));
}

}  // namespace
}  // namespace wslm
