// What is read from text alone: names, platforms, challenges, credentials, addresses.
#include "distros/host/error.h"
#include "distros/oci/platform.h"
#include "distros/oci/registry/auth_file.h"
#include "distros/oci/registry/challenge.h"
#include "distros/oci/registry/reference.h"
#include "distros/oci/registry/url.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm::oci::registry {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

std::string Complete(const std::string& text) {
  const auto image = ParseReference(text);
  return image.ok() ? image->ToString() : std::string(ReasonOf(image.status()));
}

TEST(Reference, TakesDockersDefaults) {
  EXPECT_EQ(Complete("debian"), "docker.io/library/debian:latest");
  EXPECT_EQ(Complete("debian:12"), "docker.io/library/debian:12");
  EXPECT_EQ(Complete("owner/name"), "docker.io/owner/name:latest");
  EXPECT_EQ(Complete("index.docker.io/library/debian:12"), "docker.io/library/debian:12");
  EXPECT_EQ(Complete("docker.io/library/debian@" + kDigest), "docker.io/library/debian@" + kDigest);
  EXPECT_EQ(Complete("debian:12@" + kDigest), "docker.io/library/debian:12@" + kDigest);
  EXPECT_EQ(Complete("GHCR.io/owner/name:tag"), "ghcr.io/owner/name:tag");
  EXPECT_EQ(Complete("127.0.0.1:5000/x"), "127.0.0.1:5000/x:latest");
  EXPECT_EQ(Complete("[::1]:5000/x:1"), "[::1]:5000/x:1");
  EXPECT_EQ(Complete(std::string(247, 'a')), "docker.io/library/" + std::string(247, 'a') + ":latest");
  EXPECT_EQ(Complete("localhost/a__b/c--d/e.f"), "localhost/a__b/c--d/e.f:latest");
}

TEST(Reference, RefusesAllElse) {
  for (const std::string& wrong : {std::string(""),
                                   std::string(":"),
                                   std::string("a:"),
                                   std::string("Debian"),
                                   std::string("a//b"),
                                   std::string("/a"),
                                   std::string("a/"),
                                   std::string("a..b"),
                                   std::string("a___b"),
                                   std::string("-a"),
                                   std::string("a:-x"),
                                   "a:" + std::string(129, 'x'),
                                   // "library/" counts too.
                                   std::string(248, 'a'),
                                   std::string("h:0/a"),
                                   std::string("h:65536/a"),
                                   std::string("h:+1/a"),
                                   std::string("-h.x/a"),
                                   std::string("docker://debian"),
                                   std::string("a@sha256:12"),
                                   "a@sha512:" + std::string(128, 'a'),
                                   std::string("a\nb"),
                                   std::string("../../x"),
                                   std::string("a b")}) {
    EXPECT_EQ(Complete(wrong), reason::kInvalidArgument) << wrong;
  }
}

TEST(Platform, IsParsedAndCompared) {
  EXPECT_EQ(ParsePlatform("arm64")->ToString(), "linux/arm64");
  EXPECT_EQ(ParsePlatform("x86_64")->ToString(), "linux/amd64");
  EXPECT_EQ(ParsePlatform("linux/arm/v7")->ToString(), "linux/arm/v7");
  EXPECT_FALSE(ParsePlatform("a/b/c/d").ok());
  EXPECT_FALSE(ParsePlatform("").ok());
  EXPECT_EQ(PlatformScore({"linux", "amd64"}, {"linux", "arm64"}), 0);
  EXPECT_GT(PlatformScore({"linux", "amd64"}, {"linux", "amd64"}),
            PlatformScore({"linux", "amd64"}, {"linux", "amd64", "v3"}));
  EXPECT_EQ(PlatformScore({"linux", "arm", "v7"}, {"linux", "arm", "v6"}), 0);
  EXPECT_GT(PlatformScore({"linux", "arm64", "v8"}, {"linux", "arm64"}), 0);
}

TEST(Challenge, SeveralInOneHeader) {
  const auto challenges =
      ParseChallenges(R"(Basic realm="a \"b\", c", Bearer realm="https://x/t",service=s,scope="x:y,z")");
  ASSERT_EQ(challenges.size(), 2u);
  EXPECT_EQ(challenges[0].scheme, "basic");
  EXPECT_EQ(challenges[0].parameters.at("realm"), "a \"b\", c");
  EXPECT_EQ(challenges[1].scheme, "bearer");
  EXPECT_EQ(challenges[1].parameters.at("service"), "s");
  EXPECT_EQ(challenges[1].parameters.at("scope"), "x:y,z");
}

TEST(Challenge, WhatIsBrokenEnds) {
  EXPECT_TRUE(ParseChallenges("").empty());
  EXPECT_TRUE(ParseChallenges("=\"x").empty());
  EXPECT_TRUE(ParseChallenges("Bearer realm=\"open")[0].parameters.empty());
}

TEST(AuthFile, TheLongestKeyThatFits) {
  const std::string text = R"({"credsStore":"evil","auths":{
    "https://index.docker.io/v1/":{"auth":"aHViOnB3"},
    "ghcr.io":{"auth":"YWxsOnB3"}, "ghcr.io/owner":{"auth":"b3duZXI6cDp3"}, "ghcr.io/own":{"username":"x","password":"y"}}})";
  const auto user = [&](const std::string& image) {
    const auto found = FindCredentials(text, "f", *ParseReference(image));
    return found.ok() && *found ? (*found)->user + "/" + (*found)->password : "none";
  };
  EXPECT_EQ(user("debian"), "hub/pw");
  EXPECT_EQ(user("ghcr.io/other/name"), "all/pw");
  EXPECT_EQ(user("ghcr.io/owner/name"), "owner/p:w");
  EXPECT_EQ(user("quay.io/x"), "none");
  EXPECT_EQ(user("ghcr.io:5000/x"), "none");
}

TEST(AuthFile, ABrokenOneIsAnError) {
  const ImageReference image = *ParseReference("ghcr.io/x");
  for (const std::string text : {"", "[]", R"({"auths":[]})", R"({"auths":{"ghcr.io":{"auth":"%"}}})",
                                 R"({"auths":{"ghcr.io":7}})", R"({"auths":{"ghcr.io":{"auth":"eA=="}}})"}) {
    EXPECT_EQ(ReasonOf(FindCredentials(text, "f", image).status()), reason::kInvalidArgument) << text;
  }
  EXPECT_TRUE(FindCredentials("{}", "f", image).ok());
}

TEST(Url, OriginsAndLoopback) {
  EXPECT_EQ(ParseUrl("https://Host/x?a=b#c")->origin, "https://host:443");
  EXPECT_EQ(ParseUrl("/y?z", "http://127.0.0.1:5000/x/")->text, "http://127.0.0.1:5000/y?z");
  EXPECT_FALSE(ParseUrl("file:///etc/passwd").ok());
  EXPECT_FALSE(ParseUrl("https://user:pw@host/").ok());
  EXPECT_FALSE(ParseUrl("https://host/\r\nX: y").ok());
  EXPECT_FALSE(ParseUrl("").ok());
  EXPECT_TRUE(IsLoopbackHost("127.8.9.1:5000"));
  EXPECT_TRUE(IsLoopbackHost("localhost"));
  EXPECT_TRUE(IsLoopbackHost("[::1]:5000"));
  EXPECT_FALSE(IsLoopbackHost("127.0.0.1.example.com"));
  EXPECT_FALSE(IsLoopbackHost("localhost.example.com"));
}

}  // namespace
}  // namespace wslm::oci::registry
