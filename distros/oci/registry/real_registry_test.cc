// Against Debian's docker-registry on loopback: plain, with TLS, with passwords.
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "absl/strings/match.h"
#include "distros/host/error.h"
#include "distros/host/spawn.h"
#include "distros/host/test_folder.h"
#include "distros/oci/registry/pull.h"
#include "distros/oci/registry/push.h"
#include "distros/oci/registry/test_image.h"
#include "distros/oci/registry/test_server.h"

namespace wslm::oci::registry {
namespace {

// Debian's package enables a service, so it may be unpacked elsewhere instead of installed.
std::string RegistryProgram() {
  const char* program = std::getenv("WSLM_TEST_REGISTRY");
  return program == nullptr ? "/usr/bin/docker-registry" : program;
}

// A port that nothing listens on, and no one just listened on.
int FreePort() {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof(address);
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

bool Answers(int port) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));
  const sockaddr_in address{
      .sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(port)), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

class RealRegistry : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!PathExists(RegistryProgram())) GTEST_SKIP() << "needs docker-registry";
    options_.patience.first_wait = std::chrono::milliseconds(10);
    options_.patience.attempts = 2;
    image_.WriteTo(scratch_ / "source");
  }
  void TearDown() override {
    for (const pid_t pid : processes_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }

  void Shell(const std::string& line) {
    ASSERT_EQ(std::system(absl::StrCat("cd ", scratch_.path(), " && (", line, ") >log 2>&1").c_str()), 0)
        << line << ReadSmallFile(scratch_ / "log").value_or("");
  }

  void Spawn(const std::string& program, const std::vector<std::string>& arguments, int port) {
    SpawnPlan plan;
    plan.SetOutput(scratch_ / "registry.log", O_WRONLY | O_CREAT | O_APPEND);
    const auto pid = plan.Spawn(program, arguments, {"PATH=/usr/bin:/bin", "HOME=/nonexistent"});
    ASSERT_TRUE(pid.ok()) << pid.status();
    processes_.push_back(*pid);
    for (int i = 0; i < 500 && !Answers(port); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ASSERT_TRUE(Answers(port)) << ReadSmallFile(scratch_ / "registry.log").value_or("");
  }

  // `http` and `more` are lines of its configuration.
  void Start(const std::string& http = "", const std::string& more = "") {
    const int port = FreePort();
    host_ = absl::StrCat("127.0.0.1:", port);
    ASSERT_TRUE(WriteFileAtomically(
                    scratch_ / "config.yml",
                    absl::StrCat("version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: ",
                                 scratch_ / "store", "\nhttp:\n  addr: ", host_, "\n", http, more))
                    .ok());
    Spawn(RegistryProgram(), {"docker-registry", "serve", scratch_ / "config.yml"}, port);
  }

  // An authority, and a server's certificate of its making.
  void MakeCertificates(const std::string& name, int days) {
    const std::string key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    Shell(
        absl::StrCat("openssl req -x509 ", key,
                     " -keyout ca.key -out ca.pem -subj /CN=test-authority -days 2; "
                     "openssl req ",
                     key,
                     " -keyout server.key -out server.csr -subj /CN=test-server; "
                     "echo subjectAltName=",
                     name,
                     " >extensions; "
                     "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days ",
                     days, " -extfile extensions"));
  }
  void StartWithTls(const std::string& name, int days) {
    MakeCertificates(name, days);
    Start(absl::StrCat("  tls:\n    certificate: ", scratch_ / "server.pem", "\n    key: ", scratch_ / "server.key",
                       "\n"));
    options_.ca_file = scratch_ / "ca.pem";
  }

  absl::StatusOr<PushResult> Push(const std::string& name = "/a/b:1") {
    return PushImage(scratch_ / "source", *ParseReference(host_ + name), options_);
  }
  absl::Status CheckPush() { return registry::CheckPush(*ParseReference(host_ + "/a/b:1"), options_); }
  absl::StatusOr<PullResult> Pull(const std::string& name = "/a/b:1") {
    return PullImage(*ParseReference(host_ + name), scratch_ / "target", options_);
  }
  void ExpectRefused(const std::string& sentence) {
    const absl::Status status = Push().status();
    EXPECT_EQ(ReasonOf(status), reason::kNetwork) << status;
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), sentence)) << status;
  }

  const TestImage image_{size_t{5} << 20};
  const TestFolder scratch_;
  std::string host_;
  RegistryOptions options_;
  std::vector<pid_t> processes_;
};

TEST_F(RealRegistry, WhatIsPushedComesBackByteByByte) {
  Start();
  // Five pieces and a bit.
  options_.chunk_size = 1000000;
  int64_t last = 0, total = 0;
  options_.progress = [&](int64_t done, int64_t of) { last = done, total = of; };
  const auto pushed = Push();
  ASSERT_TRUE(pushed.ok()) << pushed.status();
  EXPECT_EQ(pushed->manifest_digest, DigestOfBytes(image_.manifest));
  EXPECT_EQ(pushed->sent_bytes, pushed->bytes);
  EXPECT_EQ(last, pushed->bytes);
  EXPECT_EQ(total, pushed->bytes);

  const auto pulled = Pull();
  ASSERT_TRUE(pulled.ok()) << pulled.status();
  EXPECT_EQ(pulled->manifest_digest, pushed->manifest_digest);
  EXPECT_EQ(pulled->fetched_bytes, pulled->bytes);
  EXPECT_EQ(last, pulled->bytes);
  image_.ExpectIn(scratch_ / "target");

  // Again: nothing goes over the network but what is damaged or gone.
  EXPECT_EQ(Push()->sent_bytes, 0);
  EXPECT_EQ(Pull("/a/b@" + pushed->manifest_digest)->fetched_bytes, 0);
  const auto blob = [&](int i) {
    return scratch_ / ("target/blobs/sha256/" + DigestOfBytes(image_.layers[i]).substr(7));
  };
  ASSERT_TRUE(WriteFileAtomically(blob(0), std::string(image_.layers[0].size(), 'x')).ok());
  ASSERT_EQ(::unlink(blob(1).c_str()), 0);
  const auto mended = Pull();
  ASSERT_TRUE(mended.ok()) << mended.status();
  EXPECT_EQ(mended->fetched_bytes, static_cast<int64_t>(image_.layers[0].size() + image_.layers[1].size()));
  image_.ExpectIn(scratch_ / "target");
}

TEST_F(RealRegistry, InOnePieceToo) {
  Start();
  ASSERT_TRUE(Push().ok());
  ASSERT_TRUE(Pull().ok());
  image_.ExpectIn(scratch_ / "target");
}

TEST_F(RealRegistry, WhatIsNotThereIsSaidSo) {
  Start();
  ASSERT_TRUE(Push().ok());
  for (const std::string name : {"/a/b:2", "/a/c:1"}) {
    const absl::Status status = Pull(name).status();
    EXPECT_EQ(ReasonOf(status), reason::kFileNotFound) << status;
    EXPECT_TRUE(absl::StartsWith(status.message(), "There is no image ")) << status;
  }
}

TEST_F(RealRegistry, ADamagedBlobIsNotPushed) {
  Start();
  const std::string path = scratch_ / ("source/blobs/sha256/" + DigestOfBytes(image_.layers[0]).substr(7));
  ASSERT_TRUE(WriteFileAtomically(path, std::string(image_.layers[0].size(), 'x')).ok());
  EXPECT_EQ(ReasonOf(Push().status()), reason::kCorruptSource);
  EXPECT_EQ(ReasonOf(Pull().status()), reason::kFileNotFound);
}

TEST_F(RealRegistry, APasswordIsAskedFor) {
  Shell("htpasswd -Bbn user secret >passwords");
  Start("", absl::StrCat("auth:\n  htpasswd:\n    realm: test\n    path: ", scratch_ / "passwords", "\n"));
  EXPECT_EQ(ReasonOf(Push().status()), reason::kPermissionDenied);
  EXPECT_EQ(ReasonOf(CheckPush()), reason::kPermissionDenied);
  options_.credentials = Credentials{"user", "wrong"};
  EXPECT_EQ(ReasonOf(CheckPush()), reason::kPermissionDenied);
  const absl::Status wrong = Push().status();
  EXPECT_EQ(ReasonOf(wrong), reason::kPermissionDenied);
  EXPECT_FALSE(absl::StrContains(wrong.ToString(), "wrong")) << wrong;
  options_.credentials = Credentials{"user", "secret"};
  EXPECT_EQ(CheckPush(), absl::OkStatus());
  const auto pushed = Push();
  ASSERT_TRUE(pushed.ok()) << pushed.status();
  options_.credentials.reset();
  EXPECT_EQ(ReasonOf(Pull().status()), reason::kPermissionDenied);
  options_.auth_file = scratch_ / "config.json";
  EXPECT_EQ(ReasonOf(Pull().status()), reason::kFileNotFound);
  ASSERT_TRUE(WriteFileAtomically(options_.auth_file,
                                  absl::StrCat(R"({"auths":{")", host_, R"(":{"auth":"dXNlcjpzZWNyZXQ="}}})"))
                  .ok());
  ASSERT_TRUE(Pull().ok());
  image_.ExpectIn(scratch_ / "target");
}

TEST_F(RealRegistry, ACheckTakesBackWhatItBegan) {
  TestServer server([](const TestRequest& request) -> TestAnswer {
    if (request.method == "POST") return {.code = 202, .headers = {"Location: /v2/a/b/blobs/uploads/1?state=x"}};
    return {.code = request.method == "DELETE" ? 204 : 200};
  });
  host_ = server.host();
  EXPECT_EQ(CheckPush(), absl::OkStatus());
  const TestRequest last = server.requests().back();
  EXPECT_EQ(last.method + " " + last.path, "DELETE /v2/a/b/blobs/uploads/1?state=x");
}

TEST_F(RealRegistry, TlsWithTheRightAuthority) {
  StartWithTls("IP:127.0.0.1", 2);
  const auto pushed = Push();
  ASSERT_TRUE(pushed.ok()) << pushed.status();
  const auto pulled = Pull();
  ASSERT_TRUE(pulled.ok()) << pulled.status();
  image_.ExpectIn(scratch_ / "target");
  options_.ca_file = "";
  ExpectRefused("unable to get local issuer certificate");
  options_.ca_file = scratch_ / "server.key";
  EXPECT_EQ(ReasonOf(Pull().status()), reason::kInvalidArgument);
}

TEST_F(RealRegistry, TlsForAnotherName) {
  StartWithTls("DNS:other.example", 2);
  ExpectRefused("127.0.0.1");
}

TEST_F(RealRegistry, TlsThatRanOut) {
  StartWithTls("IP:127.0.0.1", -1);
  ExpectRefused("expired");
}

TEST_F(RealRegistry, TlsNeverLeadsToPlainHttp) {
  MakeCertificates("IP:127.0.0.1", 2);
  options_.ca_file = scratch_ / "ca.pem";
  TestServer plain([](const TestRequest&) { return TestAnswer{}; });
  const int port = FreePort();
  host_ = absl::StrCat("127.0.0.1:", port);
  ASSERT_TRUE(WriteFileAtomically(scratch_ / "server.py", R"(
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(307)
        self.send_header('Location', sys.argv[2] + self.path)
        self.send_header('Content-Length', '0')
        self.end_headers()
server = http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('server.pem', 'server.key')
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
)")
                  .ok());
  Spawn("/bin/sh",
        {"sh", "-c", absl::StrCat("cd ", scratch_.path(), " && exec python3 server.py ", port, " ", plain.url())},
        port);
  const absl::Status status = Pull().status();
  EXPECT_EQ(ReasonOf(status), reason::kNetwork) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "unencrypted")) << status;
  EXPECT_TRUE(plain.requests().empty());
}

TEST_F(RealRegistry, NobodyThereIsSaidSo) {
  host_ = absl::StrCat("127.0.0.1:", FreePort());
  for (const absl::Status& status : {Pull().status(), CheckPush()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_EQ(ReasonOf(status), reason::kNetwork) << status;
  }
}

}  // namespace
}  // namespace wslm::oci::registry
