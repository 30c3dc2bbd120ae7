// Registries that break, lie, lead astray and hang.
#include <chrono>
#include <thread>

#include "absl/strings/match.h"
#include "distros/host/error.h"
#include "distros/host/test_folder.h"
#include "distros/oci/registry/pull.h"
#include "distros/oci/registry/push.h"
#include "distros/oci/registry/test_image.h"
#include "distros/oci/registry/test_server.h"

namespace wslm::oci::registry {
namespace {

using Clock = std::chrono::steady_clock;

class HostileRegistry : public ::testing::Test {
 protected:
  HostileRegistry() {
    options_.plain_http = true;
    options_.patience.first_wait = std::chrono::milliseconds(10);
    options_.patience.attempts = 3;
  }

  // What an honest registry says of the image.
  TestAnswer Honest(const TestRequest& request) const {
    if (absl::StrContains(request.path, "/manifests/")) {
      return {.headers = {absl::StrCat("Content-Type: ", TestImage::kType)}, .body = image_.manifest};
    }
    const auto blobs = image_.Blobs();
    const auto found = blobs.find(request.path.substr(request.path.rfind('/') + 1));
    if (found == blobs.end()) return {.code = 404};
    return {.body = found->second};
  }
  bool IsLargeLayer(const TestRequest& request) const {
    return absl::EndsWith(request.path, DigestOfBytes(image_.layers[0]));
  }
  std::string LargePartial() const { return folder() + "/.partial/" + DigestOfBytes(image_.layers[0]).substr(7); }

  std::string folder() const { return scratch_ / "image"; }
  absl::StatusOr<PullResult> Pull(const TestServer& server) {
    return PullImage(*ParseReference(server.host() + "/a/b:1"), folder(), options_);
  }
  void ExpectReason(TestServer& server, std::string_view reason) {
    const absl::Status status = Pull(server).status();
    EXPECT_EQ(ReasonOf(status), reason) << status;
    EXPECT_FALSE(PathExists(folder() + "/index.json"));
  }

  const TestImage image_;
  const TestFolder scratch_;
  PullOptions options_;
};

TEST_F(HostileRegistry, AnHonestOneOnLoopbackNeedsNoWordAboutTls) {
  options_.plain_http = false;
  TestServer server([&](const TestRequest& request) { return Honest(request); });
  const auto result = Pull(server);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->fetched_bytes, result->bytes);
  image_.ExpectIn(folder());
  EXPECT_TRUE(absl::StartsWith(server.requests()[0].Header("user-agent"), "wslm/"));
}

TEST_F(HostileRegistry, AWrongDigestIsThrownAway) {
  TestServer server([&](const TestRequest& request) {
    TestAnswer answer = Honest(request);
    if (IsLargeLayer(request)) answer.body[7] ^= 1;
    return answer;
  });
  ExpectReason(server, reason::kCorruptSource);
  EXPECT_FALSE(PathExists(LargePartial()));
  EXPECT_FALSE(PathExists(folder() + "/blobs/sha256/" + DigestOfBytes(image_.layers[0]).substr(7)));
}

TEST_F(HostileRegistry, ABrokenBodyGoesOnWhereItEnded) {
  std::atomic<int> tries = 0;
  TestServer server([&](const TestRequest& request) {
    TestAnswer answer = Honest(request);
    if (!IsLargeLayer(request)) return answer;
    const std::string whole = answer.body;
    if (tries++ == 0) {
      answer.length = static_cast<int64_t>(whole.size());
      answer.body = whole.substr(0, 100000);
      return answer;
    }
    EXPECT_EQ(request.Header("range"), "bytes=100000-");
    return TestAnswer{
        .code = 206, .headers = {"Content-Range: bytes 100000-299999/300000"}, .body = whole.substr(100000)};
  });
  const auto result = Pull(server);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->fetched_bytes, result->bytes);
  EXPECT_EQ(tries, 2);
  image_.ExpectIn(folder());
}

TEST_F(HostileRegistry, ASecondPullGoesOnWithWhatTheFirstLeft) {
  options_.patience.attempts = 1;
  std::atomic<bool> broken = true;
  TestServer server([&](const TestRequest& request) {
    TestAnswer answer = Honest(request);
    if (!IsLargeLayer(request)) return answer;
    const std::string whole = answer.body;
    if (broken) return TestAnswer{.body = whole.substr(0, 50000), .length = static_cast<int64_t>(whole.size())};
    EXPECT_EQ(request.Header("range"), "bytes=50000-");
    return TestAnswer{
        .code = 206, .headers = {"Content-Range: bytes 50000-299999/300000"}, .body = whole.substr(50000)};
  });
  ExpectReason(server, reason::kNetwork);
  EXPECT_TRUE(PathExists(LargePartial()));
  broken = false;
  const auto result = Pull(server);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_LE(result->fetched_bytes, result->bytes - 50000);
  image_.ExpectIn(folder());
}

TEST_F(HostileRegistry, APartOfSomethingElseFromBeforeDoesNoHarm) {
  ASSERT_TRUE(MakeFolders(folder() + "/.partial").ok());
  ASSERT_TRUE(WriteFileAtomically(LargePartial(), std::string(200000, 'x')).ok());
  // It ignores the range, or takes it: both end well.
  TestServer server([&](const TestRequest& request) {
    TestAnswer answer = Honest(request);
    if (request.Header("range") == "bytes=200000-") {
      return TestAnswer{
          .code = 206, .headers = {"Content-Range: bytes 200000-299999/300000"}, .body = answer.body.substr(200000)};
    }
    return answer;
  });
  const auto result = Pull(server);
  ASSERT_TRUE(result.ok()) << result.status();
  image_.ExpectIn(folder());
}

TEST_F(HostileRegistry, OneThatIgnoresRangesSendsAllAnew) {
  ASSERT_TRUE(MakeFolders(folder() + "/.partial").ok());
  ASSERT_TRUE(WriteFileAtomically(LargePartial(), image_.layers[0].substr(0, 200000)).ok());
  TestServer server([&](const TestRequest& request) { return Honest(request); });
  const auto result = Pull(server);
  ASSERT_TRUE(result.ok()) << result.status();
  image_.ExpectIn(folder());
}

TEST_F(HostileRegistry, MoreThanTheManifestSaysIsCutOff) {
  TestServer server([&](const TestRequest& request) {
    TestAnswer answer = Honest(request);
    answer.endless = IsLargeLayer(request);
    return answer;
  });
  ExpectReason(server, reason::kCorruptSource);
  EXPECT_FALSE(PathExists(LargePartial()));
}

TEST_F(HostileRegistry, AnEndlessManifestIsCutOff) {
  TestServer server([&](const TestRequest&) { return TestAnswer{.body = std::string(100000, ' '), .endless = true}; });
  ExpectReason(server, reason::kCorruptSource);
}

TEST_F(HostileRegistry, AnotherOriginGetsNoCredentials) {
  options_.credentials = Credentials{"user", "secret"};
  TestServer store([&](const TestRequest& request) { return Honest(request); });
  TestServer server([&](const TestRequest& request) {
    if (request.Header("authorization").empty()) {
      return TestAnswer{.code = 401, .headers = {"WWW-Authenticate: Basic realm=\"x\""}};
    }
    if (absl::StrContains(request.path, "/manifests/")) return Honest(request);
    return TestAnswer{.code = 307, .headers = {absl::StrCat("Location: ", store.url(), request.path)}};
  });
  const auto result = Pull(server);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(store.requests().size(), 4u);
  for (const TestRequest& request : store.requests()) EXPECT_EQ(request.Header("authorization"), "");
}

TEST_F(HostileRegistry, ARedirectWithoutEndIsGivenUp) {
  TestServer server([](const TestRequest& request) {
    return TestAnswer{.code = 307, .headers = {absl::StrCat("Location: ", request.path)}};
  });
  ExpectReason(server, reason::kNetwork);
  EXPECT_LE(server.requests().size(), 6u);
}

TEST_F(HostileRegistry, ABusyOneIsWaitedForAsItAsks) {
  std::atomic<int> busy = 0;
  TestServer server([&](const TestRequest& request) {
    if (busy++ == 0) return TestAnswer{.code = 429, .headers = {"Retry-After: 1"}};
    return Honest(request);
  });
  const auto start = Clock::now();
  const auto result = Pull(server);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GE(Clock::now() - start, std::chrono::seconds(1));
}

TEST_F(HostileRegistry, OneThatAsksForAnHourIsAnErrorAtOnce) {
  TestServer server([](const TestRequest&) { return TestAnswer{.code = 503, .headers = {"Retry-After: 3600"}}; });
  ExpectReason(server, reason::kNetwork);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(HostileRegistry, ATokenIsFetchedOnceAndUsed) {
  options_.credentials = Credentials{"user", "secret"};
  std::string url;
  TestServer server([&](const TestRequest& request) {
    if (absl::StartsWith(request.path, "/token?")) {
      EXPECT_EQ(request.path, "/token?service=the%20registry&scope=repository%3Aa%2Fb%3Apull");
      EXPECT_EQ(request.Header("authorization"), "Basic dXNlcjpzZWNyZXQ=");
      return TestAnswer{.body = R"({"token":"abc"})"};
    }
    if (request.Header("authorization") == "Bearer abc") return Honest(request);
    return TestAnswer{.code = 401,
                      .headers = {absl::StrCat("WWW-Authenticate: Bearer realm=\"", url,
                                               "/token\",service=\"the registry\",scope=\"repository:a/b:pull\"")}};
  });
  url = server.url();
  const auto result = Pull(server);
  ASSERT_TRUE(result.ok()) << result.status();
  // Refused, token, manifest, configuration, three layers.
  EXPECT_EQ(server.requests().size(), 7u);
  image_.ExpectIn(folder());
}

TEST_F(HostileRegistry, ATokenServiceWithoutTlsElsewhereGetsNothing) {
  options_.credentials = Credentials{"user", "secret"};
  TestServer server([&](const TestRequest&) {
    return TestAnswer{.code = 401, .headers = {"WWW-Authenticate: Bearer realm=\"http://token.example/\""}};
  });
  ExpectReason(server, reason::kNetwork);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(HostileRegistry, ATokenThatIsRefusedTooIsFinal) {
  std::string url;
  TestServer server([&](const TestRequest& request) {
    if (absl::StartsWith(request.path, "/token?")) return TestAnswer{.body = R"({"access_token":"abc"})"};
    return TestAnswer{.code = 401, .headers = {absl::StrCat("WWW-Authenticate: Bearer realm=\"", url, "/token\"")}};
  });
  url = server.url();
  ExpectReason(server, reason::kPermissionDenied);
}

TEST_F(HostileRegistry, ListsThatLeadToListsEnd) {
  // Each list names the next one, which has its digest: a chain of twenty.
  std::map<std::string, std::string> lists;
  std::string last = image_.manifest;
  for (int i = 0; i < 20; ++i) {
    const std::string digest = DigestOfBytes(last);
    lists[digest] = last;
    last = absl::StrCat(R"({"schemaVersion":2,"manifests":[)",
                        DescriptorJson("application/vnd.oci.image.index.v1+json", last,
                                       absl::StrCat(R"(,"platform":{"os":"linux","architecture":")",
                                                    HostPlatform().architecture, R"("})")),
                        "]}");
  }
  TestServer server([&](const TestRequest& request) {
    const auto found = lists.find(request.path.substr(request.path.rfind('/') + 1));
    return TestAnswer{.body = found == lists.end() ? last : found->second};
  });
  ExpectReason(server, reason::kCorruptSource);
  EXPECT_LE(server.requests().size(), 4u);
}

TEST_F(HostileRegistry, AListIsChosenFromByPlatform) {
  const TestImage other(1000, "riscv64x");
  const auto entry = [](const TestImage& image, const std::string& architecture) {
    return DescriptorJson(TestImage::kType, image.manifest,
                          absl::StrCat(R"(,"platform":{"os":"linux","architecture":")", architecture, R"("})"));
  };
  const std::string list = absl::StrCat(R"({"schemaVersion":2,"manifests":[)", entry(other, "riscv64x"), ",",
                                        entry(image_, HostPlatform().architecture), "]}");
  TestServer server([&](const TestRequest& request) {
    return absl::EndsWith(request.path, "/manifests/1") ? TestAnswer{.body = list} : Honest(request);
  });
  ASSERT_TRUE(Pull(server).ok());
  image_.ExpectIn(folder());
  options_.platform = {"linux", "pdp11"};
  const absl::Status status = Pull(server).status();
  EXPECT_EQ(ReasonOf(status), reason::kFileNotFound) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "linux/riscv64x")) << status;
  // What was there stays.
  image_.ExpectIn(folder());
}

TEST_F(HostileRegistry, DocumentsThatAreNoImageAreRefused) {
  std::string document;
  TestServer server([&](const TestRequest&) { return TestAnswer{.body = document}; });
  document = R"({"schemaVersion":1,"fsLayers":[]})";
  ExpectReason(server, reason::kUnsupportedFormat);
  const std::string descriptor = DescriptorJson("application/vnd.oci.image.config.v1+json", "x");
  for (const std::string& broken :
       {std::string("no JSON"), std::string("[]"), std::string("{}"), std::string(100000, '['),
        absl::StrCat(R"({"manifests":[],"layers":[],"config":)", descriptor, "}"),
        absl::StrCat(R"({"layers":[{"digest":"sha256:../../x","size":1}],"config":)", descriptor, "}"),
        absl::StrCat(R"({"layers":[{"digest":")", DigestOfBytes("y"), R"(","size":-1}],"config":)", descriptor, "}"),
        absl::StrCat(R"({"layers":[{"digest":")", DigestOfBytes("x"), R"(","size":2}],"config":)", descriptor, "}")}) {
    document = broken;
    ExpectReason(server, reason::kCorruptSource);
  }
}

TEST_F(HostileRegistry, AnImageThatCannotFitIsNotBegun) {
  const std::string manifest = absl::StrCat(
      R"({"schemaVersion":2,"config":)", DescriptorJson("application/vnd.oci.image.config.v1+json", image_.config),
      R"(,"layers":[{"mediaType":"x","digest":")", DigestOfBytes("y"),
      R"(","size":1099511627776},{"mediaType":"x","digest":")", DigestOfBytes("z"), R"(","size":1099511627776}]})");
  TestServer server([&](const TestRequest&) { return TestAnswer{.body = manifest}; });
  ExpectReason(server, reason::kDiskFull);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(HostileRegistry, ACancelIsAnsweredSoonAndLeavesWhatCanGoOn) {
  TestServer server([&](const TestRequest& request) {
    TestAnswer answer = Honest(request);
    if (!IsLargeLayer(request)) return answer;
    return TestAnswer{.body = answer.body.substr(0, 100000), .length = 300000, .hang = true};
  });
  CancelFlag cancel = false;
  options_.cancel = &cancel;
  int64_t seen = 0;
  options_.progress = [&](int64_t done, int64_t) { seen = done; };
  Clock::time_point cancelled;
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    cancelled = Clock::now();
    cancel = true;
  });
  ExpectReason(server, reason::kCancelled);
  const auto took = Clock::now() - cancelled;
  canceller.join();
  EXPECT_LT(took, std::chrono::milliseconds(200));
  EXPECT_GE(seen, 100000);
  EXPECT_TRUE(PathExists(LargePartial()));
}

TEST_F(HostileRegistry, ABrokenUploadGoesOnWithWhatTheRegistryHas) {
  image_.WriteTo(scratch_ / "source");
  options_.chunk_size = 100000;
  const std::string large = image_.layers[0];
  std::mutex mutex;
  std::string received;
  bool broken = false;
  // All but the large layer are there already.
  TestServer server([&](const TestRequest& request) {
    const std::lock_guard lock(mutex);
    const auto answer = [&](int code) {
      return TestAnswer{.code = code, .headers = {"Location: /up", absl::StrCat("Range: 0-", received.size() - 1)}};
    };
    if (absl::StrContains(request.path, "/manifests/")) return TestAnswer{.code = 201};
    if (request.method == "HEAD") return IsLargeLayer(request) ? TestAnswer{.code = 404} : Honest(request);
    if (request.method == "POST") return TestAnswer{.code = 202, .headers = {"Location: /up"}};
    if (request.method == "GET") return answer(204);
    if (request.method == "PATCH") {
      EXPECT_EQ(request.Header("content-range"),
                absl::StrCat(received.size(), "-", received.size() + request.body.size() - 1));
      // Half of the second piece arrives, and the registry stumbles.
      if (received.size() == 100000 && !broken) {
        broken = true;
        received += request.body.substr(0, 50000);
        return TestAnswer{.code = 502};
      }
      received += request.body;
      return answer(202);
    }
    received += request.body;
    return TestAnswer{.code = 201};
  });
  int64_t last = 0;
  options_.progress = [&](int64_t done, int64_t) { last = done; };
  const auto pushed = PushImage(scratch_ / "source", *ParseReference(server.host() + "/a/b:1"), options_);
  ASSERT_TRUE(pushed.ok()) << pushed.status();
  EXPECT_TRUE(broken);
  EXPECT_TRUE(received == large);
  EXPECT_EQ(pushed->sent_bytes, static_cast<int64_t>(large.size()));
  EXPECT_EQ(last, pushed->bytes);
}

TEST_F(HostileRegistry, OneThatTakesNoPiecesGetsTheWhole) {
  image_.WriteTo(scratch_ / "source");
  options_.chunk_size = 100000;
  std::mutex mutex;
  std::string received;
  TestServer server([&](const TestRequest& request) {
    const std::lock_guard lock(mutex);
    if (request.method == "HEAD") return IsLargeLayer(request) ? TestAnswer{.code = 404} : Honest(request);
    if (request.method == "POST") return TestAnswer{.code = 202, .headers = {"Location: /up?state=1"}};
    if (request.method == "PATCH") return TestAnswer{.code = 405};
    if (absl::StartsWith(request.path, "/up?state=1&digest=sha256%3A")) received += request.body;
    return TestAnswer{.code = 201};
  });
  const auto pushed = PushImage(scratch_ / "source", *ParseReference(server.host() + "/a/b:1"), options_);
  ASSERT_TRUE(pushed.ok()) << pushed.status();
  EXPECT_TRUE(received == image_.layers[0]);
}

TEST_F(HostileRegistry, AStalledTransferIsBrokenOff) {
  options_.patience.stall = std::chrono::seconds(1);
  options_.patience.attempts = 1;
  TestServer server([&](const TestRequest&) { return TestAnswer{.length = 100, .hang = true}; });
  ExpectReason(server, reason::kNetwork);
}

TEST_F(HostileRegistry, SomebodysFolderIsNotTouched) {
  ASSERT_TRUE(MakeFolders(folder()).ok());
  ASSERT_TRUE(WriteFileAtomically(folder() + "/letter", "x").ok());
  TestServer server([&](const TestRequest& request) { return Honest(request); });
  ExpectReason(server, reason::kFileExists);
  EXPECT_FALSE(PathExists(folder() + "/blobs"));
}

}  // namespace
}  // namespace wslm::oci::registry
