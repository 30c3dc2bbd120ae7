#include "daemon/sessions/proxy_variables.h"

#include "gtest/gtest.h"

namespace wslm::daemon {
namespace {

std::string Inside(const std::string& url) {
  const auto lookup = [&](const char* name) { return std::string(name) == "http_proxy" ? url.c_str() : nullptr; };
  return ProxyVariables(lookup, "the-host").at("http_proxy");
}

TEST(ProxyVariables, OneOnTheHostsLoopbackIsCalledByTheHostsName) {
  EXPECT_EQ(Inside("http://127.0.0.1:3128"), "http://the-host:3128");
  EXPECT_EQ(Inside("http://me:secret@localhost:3128/"), "http://me:secret@the-host:3128/");
  EXPECT_EQ(Inside("http://[::1]:3128/a:b@c"), "http://the-host:3128/a:b@c");
  EXPECT_EQ(Inside("localhost"), "the-host");
  EXPECT_EQ(Inside("socks5://127.0.1.1"), "socks5://the-host");
}

TEST(ProxyVariables, AnyOtherIsLeftAsItIs) {
  for (const std::string url : {"http://proxy.lan:3128", "http://localhost.lan/127.0.0.1", "http://127.0.0.1@proxy", "",
                                "http://", "http://[", "://[::1", "@"}) {
    EXPECT_EQ(Inside(url), url);
  }
}

TEST(ProxyVariables, ThoseThatThereAreAreTaken) {
  const auto lookup = [](const char* name) { return std::string(name) == "NO_PROXY" ? "localhost" : nullptr; };
  EXPECT_EQ(ProxyVariables(lookup, "the-host"), (Variables{{"NO_PROXY", "localhost"}}));
}

}  // namespace
}  // namespace wslm::daemon
