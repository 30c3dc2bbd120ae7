// Boots the VM, as an ordinary user, and runs a real Debian in it.
//
// WSLM_TEST_ROOT is a Debian root as a tar. WSLM_TEST_CACHE, a folder that outlives the test, keeps the kernel. Run by
// root, everything happens as WSLM_TEST_USER ("nobody" when unset).
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <thread>

#include "absl/time/clock.h"
#include "distros/ext4/ext4.h"
#include "distros/host/byte_stream.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/image_lock.h"
#include "distros/host/remove_tree.h"
#include "distros/tar/tar_source.h"
#include "distros/tree/transfer.h"
#include "nlohmann/json.hpp"
#include "runtime-v2/host/process.h"
#include "runtime-v2/host/runtime_v2.h"
#include "runtime-v2/modules/vm_names.h"

namespace wslm {
namespace {

using runtime::v1::GuestMessage;
using runtime::v1::HostMessage;
using runtime::v1::Instance;
using runtime::v1::OpenRequest;
using runtime::v1::StartSpec;
using runtime::v1::Stream;
using testing::HasSubstr;
using testing::Not;

constexpr auto kPatience = std::chrono::seconds(60);
// Of a snapshot: a boot at the lowest priority, and some seconds of calm.
constexpr absl::Duration kLongestMaking = absl::Minutes(3);

std::string Variable(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

// What a session's client has seen.
class Recorder : public runtime::v1::StreamObserver {
 public:
  void OnMessage(const GuestMessage& message, size_t payload_bytes) override {
    const std::lock_guard lock(mutex_);
    output_ += message.stdout();
    errors_ += message.stderr();
    if (message.has_exited()) exit_ = message.exited();
    unconsumed_ += payload_bytes;
    changed_.notify_all();
  }
  void OnEnd(const absl::Status& status) override {
    const std::lock_guard lock(mutex_);
    end_ = status;
    changed_.notify_all();
  }

  // Until the stream ended, giving credit as a client that reads does.
  absl::Status Wait(Stream& stream) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    std::unique_lock lock(mutex_);
    while (!end_) {
      if (changed_.wait_until(lock, deadline) == std::cv_status::timeout) return absl::DeadlineExceededError("no end");
      const size_t consumed = std::exchange(unconsumed_, 0);
      lock.unlock();
      stream.Consumed(consumed);
      lock.lock();
    }
    return *end_;
  }
  bool WaitForOutput(const std::string& text) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return output_.find(text) != std::string::npos; });
  }
  std::string output() {
    const std::lock_guard lock(mutex_);
    return output_;
  }
  std::string errors() {
    const std::lock_guard lock(mutex_);
    return errors_;
  }
  int code() {
    const std::lock_guard lock(mutex_);
    return exit_ && exit_->has_code() ? exit_->code() : -1;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string output_;
  std::string errors_;
  std::optional<runtime::v1::SessionExited> exit_;
  std::optional<absl::Status> end_;
  size_t unconsumed_ = 0;
};

struct Result {
  int code = -1;
  std::string output;
  std::string errors;
  absl::Status end;
};

OpenRequest SessionRequest(const Instance& instance, const std::string& command) {
  static int next = 0;
  OpenRequest request;
  request.set_distro_id(instance.distro_id());
  request.mutable_session_start()->set_session_id("session-" + std::to_string(::getpid()) + "-" +
                                                  std::to_string(next++));
  request.mutable_session_start()->add_argv(command);
  return request;
}

Result InDistro(const Instance& instance, const std::string& command, const std::string& input = "") {
  auto recorder = std::make_shared<Recorder>();
  const auto stream = instance.channel()->Open(SessionRequest(instance, command), recorder);
  HostMessage message;
  if (!input.empty()) {
    message.set_stdin(input);
    stream->Send(message);
  }
  message.set_eof(true);
  stream->Send(message);
  Result result{.end = recorder->Wait(*stream)};
  result.code = recorder->code();
  result.output = recorder->output();
  result.errors = recorder->errors();
  return result;
}

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// On the host's 127.0.0.1; port 0: any.
UniqueFd Listen(int port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = Loopback(port);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(fd.get(), 1), 0);
  return fd;
}

int FreePort() {
  const UniqueFd fd = Listen(0);
  sockaddr_in address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

// What a server at the host's 127.0.0.1 says, or "refused".
std::string From(int port) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = Loopback(port);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return "refused";
  std::string text;
  char buffer[64];
  for (ssize_t count = 0; (count = ::read(fd.get(), buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(count));
  }
  return text;
}

// The same, once it is `expected` or patience has ended.
std::string SoonFrom(int port, const std::string& expected) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::string text;
  do {
    text = From(port);
    if (text == expected) break;
    absl::SleepFor(absl::Milliseconds(50));
  } while (std::chrono::steady_clock::now() < deadline);
  return text;
}

// The host's address by which it would reach others; empty: it has none.
std::string OutwardAddress() {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  ::inet_pton(AF_INET, "198.51.100.1", &address.sin_addr);
  socklen_t size = sizeof address;
  char text[INET_ADDRSTRLEN] = "";
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return "";
  }
  return ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text) == nullptr ? "" : text;
}

// Says "hello" to all who connect to the host's `address`.
class HelloServer {
 public:
  explicit HelloServer(const std::string& address) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    ::inet_pton(AF_INET, address.c_str(), &at.sin_addr);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&at), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 5), 0);
    EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] {
      for (int client; (client = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
        const UniqueFd connection(client);
        EXPECT_EQ(::send(client, "hello", 5, MSG_NOSIGNAL), 5);
      }
    });
  }
  ~HelloServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  int port() const { return port_; }

 private:
  const UniqueFd listener_;
  int port_ = 0;
  std::thread thread_;
};

class VmTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = testing::TempDir() + "/wslm-vm-test-XXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    home_ = {.data = folder_ + "/data",
             .config = folder_ + "/config",
             .state = folder_ + "/state",
             .cache = Variable("WSLM_TEST_CACHE", (folder_ + "/cache").c_str()),
             .run = folder_ + "/run"};
    ASSERT_TRUE(home_.Create().ok());
    // Of an earlier run of this test.
    ASSERT_TRUE(RemoveTree(home_.cache + "/snapshots").ok());
    ::setenv("WSLM_LIBEXEC", Variable("WSLM_LIBEXEC", WSLM_TEST_LIBEXEC).c_str(), 1);
    PutOursBeforePasst();
    runtime_ = MakeRuntimeV2(home_, settings_);
  }
  // Where passt is installed: with a script before it by which its process is known.
  static void PutOursBeforePasst() {
    const std::string passt = FindProgram("passt");
    if (passt.empty()) return;
    const std::string folder = folder_ + "/passt";
    ASSERT_TRUE(MakeFolders(folder).ok());
    ASSERT_TRUE(WriteFileAtomically(folder + "/passt", "#!/bin/sh\n[ ! -e " + folder +
                                                           "/broken ] || { echo 'no luck today'; exit 1; }\nexec " +
                                                           passt + " \"$@\" --pid " + folder + "/$$.pid\n")
                    .ok());
    ASSERT_EQ(::chmod((folder + "/passt").c_str(), 0755), 0);
    ::setenv("PATH", (folder + ":" + Variable("PATH", "/usr/bin:/bin")).c_str(), 1);
  }
  static void KillPasst() {
    for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/passt")) {
      if (entry.path().extension() != ".pid") continue;
      const std::string pid = std::to_string(std::atoi(ReadSmallFile(entry.path()).value_or("").c_str()));
      // Another process may have the number of one that ended before.
      if (ReadSmallFile("/proc/" + pid + "/comm").value_or("").starts_with("passt")) ::kill(std::stoi(pid), SIGKILL);
    }
  }
  static void TearDownTestSuite() {
    if (runtime_ != nullptr) {
      EXPECT_TRUE(runtime_->Shutdown().ok());
    }
    runtime_.reset();
    EXPECT_FALSE(PathExists(folder_ + "/run/v2/vm.json"));
    EXPECT_TRUE(RemoveTree(folder_).ok());
  }

  void SetUp() override {
    if (const absl::Status host = CheckHostForV2(); !host.ok()) GTEST_SKIP() << host.message();
    if (Variable("WSLM_TEST_ROOT", "").empty()) GTEST_SKIP() << "WSLM_TEST_ROOT names no Debian root";
  }

  // The folder of a distro with a fresh copy of Debian.
  static std::string MakeDistro(const std::string& id) {
    const std::string folder = folder_ + "/data/" + id;
    if (PathExists(folder + "/disk.img")) return folder;
    EXPECT_TRUE(MakeFolders(folder).ok());
    auto file = OpenFile(Variable("WSLM_TEST_ROOT", ""), O_RDONLY);
    EXPECT_TRUE(file.ok()) << file.status();
    auto source = OpenTarSource(FdByteSource(*std::move(file), "root"), "root");
    EXPECT_TRUE(source.ok()) << source.status();
    auto sink = CreateExt4Sink(folder + "/disk.img", {});
    EXPECT_TRUE(sink.ok()) << sink.status();
    EXPECT_TRUE(Transfer(**source, **sink, {}).ok());
    return folder;
  }

  static StartSpec SpecOf(const std::string& id) {
    StartSpec spec;
    spec.folder = MakeDistro(id);
    spec.image = spec.folder + "/disk.img";
    spec.config.set_distro_id(id);
    spec.config.set_distro_name("name-of-" + id);
    spec.config.set_hostname("host-of-" + id);
    spec.config.set_version(2);
    return spec;
  }

  static std::shared_ptr<Instance> Start(const StartSpec& spec) {
    const auto begin = std::chrono::steady_clock::now();
    auto instance = runtime_->Start(spec, [&](const std::string& note) {
      const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
      std::printf("[ %6.2f s ] %s\n", passed.count(), note.c_str());
    });
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
    std::printf("[ %6.2f s ] %s\n", passed.count(), instance.ok() ? "started" : instance.status().ToString().c_str());
    if (!instance.ok()) {
      ADD_FAILURE() << instance.status() << "\n" << ReadSmallFile(home_.state + "/vm-console.log").value_or("");
      return nullptr;
    }
    return *instance;
  }

  static std::vector<std::string> Snapshots() {
    std::vector<std::string> paths;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(home_.cache + "/snapshots", none)) {
      if (entry.path().extension() == ".snapshot") paths.push_back(entry.path());
    }
    return paths;
  }

  // Ends the VM, and waits for what the next start can go on from, which is made then.
  static std::string ShutDownForASnapshot() {
    EXPECT_TRUE(runtime_->Shutdown().ok());
    for (const absl::Time begin = absl::Now(); Snapshots().empty() && absl::Now() - begin < kLongestMaking;) {
      absl::SleepFor(absl::Milliseconds(20));
    }
    EXPECT_EQ(Snapshots().size(), 1U) << ReadSmallFile(home_.state + "/snapshot-console.log").value_or("");
    return Snapshots().empty() ? "" : Snapshots()[0];
  }

  // Of a port that somebody listens on; "nobody" when nobody does.
  static std::string ProblemOf(int port) {
    for (const ForwardedPort& one : runtime_->status().ports) {
      if (one.port == port) return one.problem;
    }
    return "nobody";
  }

  static inline const VmSettings settings_ = {
      .memory_mib = 700, .processors = 2, .kernel_command_line = "said.by=the.user"};
  static std::string folder_;
  static Home home_;
  static std::unique_ptr<RuntimeV2> runtime_;
};

std::string VmTest::folder_;
Home VmTest::home_;
std::unique_ptr<RuntimeV2> VmTest::runtime_;

TEST_F(VmTest, RunsCommandsAsRootOfARealKernel) {
  const auto one = Start(SpecOf("one"));
  ASSERT_NE(one, nullptr);
  EXPECT_TRUE(runtime_->status().running);
  EXPECT_FALSE(runtime_->status().accelerator.empty());
  EXPECT_FALSE(runtime_->status().accelerator_reason.empty());

  const Result id = InDistro(*one, "id -u; hostname; . /etc/os-release; echo $ID; uname -r");
  EXPECT_EQ(id.output, "0\nhost-of-one\ndebian\n" + runtime_->status().kernel_release + "\n") << id.end << id.errors;
  EXPECT_EQ(InDistro(*one, "exit 7").code, 7);
  EXPECT_EQ(InDistro(*one, "cat", "to and fro").output, "to and fro");
  EXPECT_THAT(InDistro(*one, "ls /nowhere").errors, HasSubstr("No such file"));

  EXPECT_EQ(InDistro(*one, "mount -t tmpfs none /mnt && touch /mnt/x && umount /mnt").code, 0);
  EXPECT_EQ(InDistro(*one, "mknod /root/disk b 8 0 && ls -l /root/disk | cut -c1").output, "b\n");
  EXPECT_THAT(InDistro(*one, "cat /etc/resolv.conf").output, HasSubstr("nameserver 10.0.2.3"));
  EXPECT_THAT(InDistro(*one, "cat /etc/hosts").output, HasSubstr("127.0.1.1\thost-of-one"));
  EXPECT_EQ(InDistro(*one, "ls /lib/modules/$(uname -r)/modules.dep >/dev/null").code, 0);
  EXPECT_THAT(InDistro(*one, "cat /proc/cmdline").output, HasSubstr(" said.by=the.user"));
  EXPECT_EQ(InDistro(*one, "nproc").output, "2\n");
  const int mebibytes =
      std::atoi(InDistro(*one, "awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo").output.c_str());
  EXPECT_LE(mebibytes, 700);
  EXPECT_GT(mebibytes, 500);
  // The clock is the host's.
  const Result date = InDistro(*one, "date +%s");
  EXPECT_NEAR(static_cast<double>(std::atoll(date.output.c_str())), static_cast<double>(::time(nullptr)), 3);
  ASSERT_TRUE(one->Stop(absl::Seconds(2)).ok());
}

TEST_F(VmTest, WhatListensIsOnTheHostsLoopbackAsLongAsItDoes) {
  const auto one = Start(SpecOf("one"));
  ASSERT_NE(one, nullptr);
  const int everywhere = FreePort();
  const int loopback = FreePort();
  const int taken = FreePort();
  const UniqueFd in_the_way = Listen(taken);
  const auto serve = [](const std::string& address, int port) {
    return "perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in(" + std::to_string(port) +
           ", inet_aton(\"" + address +
           "\"))) or die; listen(S, 5); "
           "while (accept(C, S)) { syswrite(C, \"from " +
           address + "\"); close C }' < /dev/null > /run/log 2>&1 & echo $! >> /run/servers; ";
  };
  ASSERT_EQ(InDistro(*one, serve("0.0.0.0", everywhere) + serve("127.0.0.1", loopback) + serve("0.0.0.0", taken)).code,
            0);
  EXPECT_EQ(SoonFrom(everywhere, "from 0.0.0.0"), "from 0.0.0.0");
  EXPECT_EQ(SoonFrom(loopback, "from 127.0.0.1"), "from 127.0.0.1");
  EXPECT_EQ(ProblemOf(everywhere), "");
  EXPECT_EQ(ProblemOf(loopback), "");
  for (int i = 0; i < 100 && (ProblemOf(taken) == "" || ProblemOf(taken) == "nobody"); ++i)
    absl::SleepFor(absl::Milliseconds(100));
  EXPECT_THAT(ProblemOf(taken), HasSubstr("of the host is in use"));

  ASSERT_EQ(InDistro(*one, "kill $(cat /run/servers)").code, 0);
  EXPECT_EQ(SoonFrom(everywhere, "refused"), "refused");
  EXPECT_EQ(SoonFrom(loopback, "refused"), "refused");
  ASSERT_TRUE(one->Stop(absl::Seconds(2)).ok());
}

TEST_F(VmTest, WhatListensOverIpv6AloneIsOnTheHostsLoopbackToo) {
  const auto one = Start(SpecOf("one"));
  ASSERT_NE(one, nullptr);
  const int loopback = FreePort();
  const int only_ipv6 = FreePort();
  const int both = FreePort();
  const auto serve = [](const std::string& address, int port, const char* only) {
    const std::string number = std::to_string(port);
    return "perl -MSocket=:all -e 'socket(S, PF_INET6, SOCK_STREAM, 0); setsockopt(S, IPPROTO_IPV6, IPV6_V6ONLY, " +
           std::string(only) + "); bind(S, sockaddr_in6(" + number + ", inet_pton(AF_INET6, \"" + address +
           "\"))) or die; listen(S, 5); while (accept(C, S)) { syswrite(C, \"from " + number +
           "\"); close C }' < /dev/null > /run/log 2>&1 & echo $! >> /run/servers; ";
  };
  ASSERT_EQ(InDistro(*one, serve("::1", loopback, "1") + serve("::", only_ipv6, "1") + serve("::", both, "0")).code, 0);
  for (const int port : {loopback, only_ipv6, both}) {
    const std::string answer = "from " + std::to_string(port);
    EXPECT_EQ(SoonFrom(port, answer), answer);
    EXPECT_EQ(ProblemOf(port), "");
  }
  // Nobody is in the way of who wants the same port of IPv4.
  ASSERT_EQ(InDistro(*one, "perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0); exit !bind(S, sockaddr_in(" +
                               std::to_string(only_ipv6) + ", INADDR_ANY)) || !listen(S, 5)'")
                .code,
            0);
  ASSERT_EQ(InDistro(*one, "kill $(cat /run/servers)").code, 0);
  for (const int port : {loopback, only_ipv6, both}) EXPECT_EQ(SoonFrom(port, "refused"), "refused");
  ASSERT_TRUE(one->Stop(absl::Seconds(2)).ok());
}

// For the two tests below: what a program in a distro does to be told "hello" by a server on the host, by the way out.
std::string AskFor(const std::string& address, int port) {
  return "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(PeerAddr => \"" + address + ":" +
         std::to_string(port) + "\", Timeout => 20) or die \"$!\"; print <$s>'";
}

TEST_F(VmTest, GoesOutByPasstAndByQemuOnceThatHasEnded) {
  if (FindProgram("passt").empty()) GTEST_SKIP() << "passt is not installed";
  const std::string address = OutwardAddress();
  if (address.empty()) GTEST_SKIP() << "the host has no address";
  const HelloServer server(address);
  const std::string ask = AskFor(address, server.port());
  const auto one = Start(SpecOf("one"));
  ASSERT_NE(one, nullptr);
  EXPECT_EQ(runtime_->status().network, "passt") << runtime_->status().network_reason;
  const std::string sent =
      std::string("cat $(dirname $(grep -l ") + kPasstDeviceMac + " /sys/class/net/*/address))/statistics/tx_packets";
  const std::string before = InDistro(*one, sent).output;
  EXPECT_EQ(InDistro(*one, ask).output, "hello");
  EXPECT_NE(InDistro(*one, sent).output, before) << "it went another way";

  KillPasst();
  std::vector<PastIncident> incidents;
  for (const absl::Time begin = absl::Now(); incidents.empty() && absl::Now() - begin < kLongestMaking;) {
    absl::SleepFor(absl::Milliseconds(20));
    incidents = runtime_->status().incidents;
  }
  ASSERT_FALSE(incidents.empty());
  EXPECT_THAT(incidents.back().message, HasSubstr("passt ended"));
  EXPECT_EQ(runtime_->status().network, "slirp");
  EXPECT_THAT(runtime_->status().network_reason, HasSubstr("has ended"));
  EXPECT_EQ(InDistro(*one, ask).output, "hello");
  ASSERT_TRUE(one->Stop(absl::Seconds(2)).ok());
}

TEST_F(VmTest, ADiskThatIsMountedKeepsAVmWithoutDistros) {
  const auto one = Start(SpecOf("one"));
  ASSERT_NE(one, nullptr);
  const std::string path = folder_ + "/bare.img";
  ASSERT_TRUE(WriteFileAtomically(path, std::string(1 << 20, 'x')).ok());
  const auto mounted =
      runtime_->MountDisk({.name = "bare", .source = path, .format = "raw", .bare = true},
                          UniqueFd(::open(path.c_str(), O_RDWR | O_CLOEXEC)), "raw", [](const std::string&) {});
  ASSERT_TRUE(mounted.ok()) << mounted.status();
  ASSERT_TRUE(one->Stop(absl::Seconds(2)).ok());
  EXPECT_FALSE(runtime_->ShutdownIfUnneeded().value_or(true));
  EXPECT_TRUE(runtime_->status().running);
  ASSERT_TRUE(runtime_->UnmountDisk("bare").ok());
  EXPECT_TRUE(runtime_->ShutdownIfUnneeded().value_or(false));
  EXPECT_FALSE(runtime_->status().running);
}

TEST_F(VmTest, GoesOutByQemuWherePasstDoesNotStart) {
  if (FindProgram("passt").empty()) GTEST_SKIP() << "passt is not installed";
  const std::string address = OutwardAddress();
  if (address.empty()) GTEST_SKIP() << "the host has no address";
  const HelloServer server(address);
  ASSERT_TRUE(runtime_->Shutdown().ok());
  ASSERT_TRUE(WriteFileAtomically(folder_ + "/passt/broken", "").ok());
  const auto one = Start(SpecOf("one"));
  ASSERT_NE(one, nullptr);
  ASSERT_EQ(::unlink((folder_ + "/passt/broken").c_str()), 0);
  EXPECT_EQ(runtime_->status().network, "slirp");
  EXPECT_THAT(runtime_->status().network_reason, HasSubstr("no luck today"));
  EXPECT_EQ(InDistro(*one, AskFor(address, server.port())).output, "hello");
  ASSERT_TRUE(one->Stop(absl::Seconds(2)).ok());
}

TEST_F(VmTest, AKernelModuleIsLoadedWhenItIsNeeded) {
  const auto one = Start(SpecOf("one"));
  ASSERT_NE(one, nullptr);
  // tun and fuse are modules of Debian's kernel; opening their device asks for them.
  EXPECT_EQ(InDistro(*one, "exec 3<>/dev/net/tun && exec 4<>/dev/fuse && grep -cE '^(tun|fuse) ' /proc/modules").output,
            "2\n");
  EXPECT_EQ(InDistro(*one,
                     "mkdir -p /tmp/l /tmp/u /tmp/w /tmp/m && mount -t tmpfs none /tmp/l && "
                     "mount -t overlay none -o lowerdir=/etc:/usr /tmp/m && test -e /tmp/m/passwd")
                .code,
            0);
  ASSERT_TRUE(one->Stop(absl::Seconds(2)).ok());
}

TEST_F(VmTest, TheHostsFilesAreTheDefaultUsersUnlessTheDistroIsIsolated) {
  StartSpec spec = SpecOf("one");
  spec.config.set_automount(true);
  const auto one = Start(spec);
  const auto isolated = Start(SpecOf("two"));
  ASSERT_NE(one, nullptr);
  ASSERT_NE(isolated, nullptr);
  const std::string shared = "/mnt/host" + folder_;
  EXPECT_EQ(InDistro(*one, "echo from inside > " + shared + "/note && stat -c %u:%g " + shared + "/note").output,
            "1000:1000\n");
  EXPECT_EQ(ReadSmallFile(folder_ + "/note").value_or(""), "from inside\n");
  EXPECT_NE(InDistro(*isolated, "test -e /mnt/host").code, 0);
  EXPECT_TRUE(isolated->Stop(absl::Seconds(2)).ok());
  EXPECT_TRUE(one->Stop(absl::Seconds(2)).ok());
}

TEST_F(VmTest, ADistroSeesItsOwnProcessesAndFilesOnly) {
  const auto one = Start(SpecOf("one"));
  const auto two = Start(SpecOf("two"));
  ASSERT_NE(one, nullptr);
  ASSERT_NE(two, nullptr);
  EXPECT_EQ(InDistro(*one, "echo secret > /root/secret; sync").code, 0);
  const auto sleeper = std::make_shared<Recorder>();
  const auto stream = one->channel()->Open(SessionRequest(*one, "echo ready; exec -a marker sleep 600"), sleeper);
  ASSERT_TRUE(sleeper->WaitForOutput("ready"));

  EXPECT_EQ(InDistro(*two, "cat /proc/1/comm").output, "wslm-init\n");
  EXPECT_EQ(InDistro(*two, "grep -lz mar[k]er /proc/[0-9]*/cmdline").output, "");
  EXPECT_NE(InDistro(*two, "test -e /root/secret").code, 0);
  EXPECT_THAT(InDistro(*two, "cat /proc/mounts").output, Not(HasSubstr("distros")));
  // The other's disk, whatever its letter: made, but not opened. Its own opens.
  const Result disks =
      InDistro(*two,
               "own=$(stat -c %Hd:%Ld /); for i in 0 1 2 3; do rm -f /tmp/d; mknod /tmp/d b 8 $((i*16)); "
               "[ 8:$((i*16)) = $own ] && continue; head -c1 /tmp/d >/dev/null 2>&1 && echo reached $i; done; "
               "mknod /tmp/own b ${own%:*} ${own#*:} && head -c1 /tmp/own >/dev/null && echo own");
  EXPECT_EQ(disks.output, "own\n") << disks.errors;
  EXPECT_TRUE(two->Stop(absl::Seconds(2)).ok());
  EXPECT_EQ(InDistro(*one, "cat /root/secret").output, "secret\n");
  EXPECT_TRUE(one->Stop(absl::Seconds(2)).ok());
}

TEST_F(VmTest, StoppingLeavesACleanDiskThatNobodyHolds) {
  const StartSpec spec = SpecOf("one");
  const auto one = Start(spec);
  ASSERT_NE(one, nullptr);
  std::mutex mutex;
  std::condition_variable changed;
  bool exited = false;
  one->OnExit([&] {
    const std::lock_guard lock(mutex);
    exited = true;
    changed.notify_all();
  });
  EXPECT_EQ(ReasonOf(LockImage(spec.folder + "/disk.img").status()), reason::kDistroRunning);
  ASSERT_EQ(InDistro(*one, "echo kept > /root/kept").code, 0);
  ASSERT_TRUE(one->Stop(absl::Seconds(2)).ok());
  {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, kPatience, [&] { return exited; }));
  }
  EXPECT_TRUE(one->Stop(absl::Seconds(2)).ok()) << "a second stop is none";
  const auto lock = LockImage(spec.folder + "/disk.img");
  EXPECT_TRUE(lock.ok()) << lock.status();
  EXPECT_TRUE(CheckExt4(spec.folder + "/disk.img").ok()) << CheckExt4(spec.folder + "/disk.img");
}

TEST_F(VmTest, NothingIsLeftInTheTreeOfWhatWasMountedOnIt) {
  const StartSpec spec = SpecOf("untouched");
  const auto list = [&] {
    std::map<std::string, std::pair<int64_t, uint32_t>> times;
    auto source = OpenExt4Source(spec.folder + "/disk.img");
    EXPECT_TRUE(source.ok()) << source.status();
    Entry entry;
    while ((*source)->Next(entry).value_or(false)) times[entry.path] = {entry.mtime.seconds, entry.mtime.nanoseconds};
    return times;
  };
  const auto before = list();
  const auto instance = Start(spec);
  ASSERT_NE(instance, nullptr);
  ASSERT_TRUE(instance->Stop(absl::Seconds(2)).ok());
  EXPECT_EQ(list(), before);
}

TEST_F(VmTest, AnInitThatDiesEndsItsDistroAndNoOther) {
  const auto one = Start(SpecOf("one"));
  const auto two = Start(SpecOf("two"));
  ASSERT_NE(one, nullptr);
  ASSERT_NE(two, nullptr);
  std::mutex mutex;
  std::condition_variable changed;
  bool exited = false;
  one->OnExit([&] {
    const std::lock_guard lock(mutex);
    exited = true;
    changed.notify_all();
  });
  // reboot(2) in a pid namespace ends its first process.
  InDistro(*one, "perl -e 'syscall(169, 0xfee1dead, 672274793, 0x01234567, 0)'");
  {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, kPatience, [&] { return exited; }));
  }
  EXPECT_EQ(ReasonOf(InDistro(*one, "true").end), reason::kRuntimeDied);
  EXPECT_EQ(InDistro(*two, "echo alive").output, "alive\n");
  EXPECT_TRUE(two->Stop(absl::Seconds(2)).ok());
  const auto again = Start(SpecOf("one"));
  ASSERT_NE(again, nullptr);
  EXPECT_TRUE(again->Stop(absl::Seconds(2)).ok());
}

TEST_F(VmTest, TheNextDaemonFindsWhatRuns) {
  auto one = Start(SpecOf("one"));
  ASSERT_NE(one, nullptr);
  OpenRequest request = SessionRequest(*one, "echo $$ > /root/pid; exec sleep 600");
  request.mutable_session_start()->set_detached(true);
  const auto recorder = std::make_shared<Recorder>();
  auto stream = one->channel()->Open(request, recorder);
  EXPECT_EQ(InDistro(*one, "for i in $(seq 100); do test -s /root/pid && break; sleep 0.1; done; cat /root/pid | wc -l")
                .output,
            "1\n");
  // What a daemon's death does, too: the connections close, nobody is told.
  stream.reset();
  one.reset();
  runtime_.reset();

  runtime_ = MakeRuntimeV2(home_, settings_);
  const auto adopted = runtime_->Adopt();
  ASSERT_EQ(adopted.size(), 1U);
  EXPECT_EQ(adopted[0]->distro_id(), "one");
  EXPECT_TRUE(runtime_->status().running);
  EXPECT_EQ(InDistro(*adopted[0], "kill -0 $(cat /root/pid) && echo lives").output, "lives\n");
  EXPECT_TRUE(adopted[0]->Stop(absl::Seconds(2)).ok());
}

TEST_F(VmTest, TheDeathOfTheVmEndsItsDistrosAndTheNextStartBootsAnother) {
  const auto one = Start(SpecOf("one"));
  ASSERT_NE(one, nullptr);
  std::mutex mutex;
  std::condition_variable changed;
  bool exited = false;
  one->OnExit([&] {
    const std::lock_guard lock(mutex);
    exited = true;
    changed.notify_all();
  });
  const auto record = nlohmann::json::parse(ReadSmallFile(folder_ + "/run/v2/vm.json").value_or(""), nullptr, false);
  ASSERT_TRUE(record.contains("pid"));
  ASSERT_EQ(::kill(record["pid"].get<pid_t>(), SIGKILL), 0);
  {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, kPatience, [&] { return exited; }));
  }
  EXPECT_FALSE(runtime_->status().running);
  EXPECT_EQ(ReasonOf(InDistro(*one, "true").end), reason::kRuntimeDied);
  const auto again = Start(SpecOf("one"));
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(InDistro(*again, "cat /root/kept /root/secret | wc -l").output, "2\n");
  EXPECT_TRUE(again->Stop(absl::Seconds(2)).ok());
}

TEST_F(VmTest, MemoryThatIsFreedGoesBackToTheHost) {
  const auto one = Start(SpecOf("one"));
  ASSERT_NE(one, nullptr);
  const auto record = nlohmann::json::parse(ReadSmallFile(folder_ + "/run/v2/vm.json").value_or(""), nullptr, false);
  const std::string memory = "/proc/" + std::to_string(record["pid"].get<pid_t>()) + "/fd/3";
  const auto used = [&] {
    struct stat status {};
    EXPECT_EQ(::stat(memory.c_str(), &status), 0);
    return int64_t{status.st_blocks} * 512 >> 20;
  };
  ASSERT_EQ(InDistro(*one, "head -c 250M /dev/zero > /dev/shm/large").code, 0);
  const int64_t most = used();
  EXPECT_GT(most, 250);
  ASSERT_EQ(InDistro(*one, "rm /dev/shm/large").code, 0);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (used() > most - 150 && std::chrono::steady_clock::now() < deadline) absl::SleepFor(absl::Milliseconds(100));
  EXPECT_LE(used(), most - 150);
  ASSERT_TRUE(one->Stop(absl::Seconds(2)).ok());
}

TEST_F(VmTest, AVmThatHangsIsEndedWithItsDistros) {
  const auto one = Start(SpecOf("one"));
  ASSERT_NE(one, nullptr);
  std::atomic<bool> exited = false;
  one->OnExit([&] { exited = true; });
  const auto record = nlohmann::json::parse(ReadSmallFile(folder_ + "/run/v2/vm.json").value_or(""), nullptr, false);
  ASSERT_EQ(::kill(record["pid"].get<pid_t>(), SIGSTOP), 0);
  runtime_->End();
  EXPECT_TRUE(exited);
  EXPECT_FALSE(runtime_->status().running);
  EXPECT_FALSE(PathExists(folder_ + "/run/v2/vm.json"));
}

TEST_F(VmTest, TwoStartsAtOnceBootOneVm) {
  ASSERT_TRUE(runtime_->Shutdown().ok());
  const StartSpec first = SpecOf("one");
  const StartSpec second = SpecOf("two");
  std::shared_ptr<Instance> one;
  std::shared_ptr<Instance> two;
  std::thread thread([&] { one = Start(first); });
  two = Start(second);
  thread.join();
  ASSERT_NE(one, nullptr);
  ASSERT_NE(two, nullptr);
  EXPECT_EQ(one->channel(), two->channel());
  EXPECT_TRUE(one->Stop(absl::Seconds(2)).ok());
  EXPECT_TRUE(two->Stop(absl::Seconds(2)).ok());
}

TEST_F(VmTest, GoesOnFromASnapshotWithTheRightTimeAndRandomNumbersOfItsOwn) {
  const auto begin = Start(SpecOf("one"));
  ASSERT_NE(begin, nullptr);
  ASSERT_TRUE(begin->Stop(absl::Seconds(2)).ok());
  ASSERT_NE(ShutDownForASnapshot(), "");
  std::set<std::string> random;
  for (int i = 0; i < 2; ++i) {
    const auto one = Start(SpecOf("one"));
    ASSERT_NE(one, nullptr);
    EXPECT_TRUE(runtime_->status().restored);
    const Result date = InDistro(*one, "date +%s");
    EXPECT_NEAR(static_cast<double>(std::atoll(date.output.c_str())), static_cast<double>(::time(nullptr)), 3);
    const Result numbers = InDistro(*one, "od -An -N16 -tx1 /dev/urandom; cat /proc/sys/kernel/random/uuid");
    EXPECT_GT(numbers.output.size(), 80U) << numbers.errors;
    random.insert(numbers.output);
    // Modules load as ever, the network is there, memory is what was asked for.
    const std::string routes = FindProgram("passt").empty() ? "2" : "4";
    EXPECT_EQ(InDistro(*one, "exec 3<>/dev/net/tun && nproc && tail -n +2 /proc/net/route | wc -l").output,
              "2\n" + routes + "\n");
    ASSERT_TRUE(one->Stop(absl::Seconds(2)).ok());
    ASSERT_TRUE(runtime_->Shutdown().ok());
  }
  EXPECT_EQ(random.size(), 2U) << *random.begin();
}

TEST_F(VmTest, ADamagedSnapshotEndsInABootAndIsRemoved) {
  const std::string path = ShutDownForASnapshot();
  std::string bytes = ReadSmallFile(path, size_t{1} << 30).value_or("");
  ASSERT_GT(bytes.size(), 1U << 20);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  ASSERT_TRUE(WriteFileAtomically(path, bytes).ok());
  const auto one = Start(SpecOf("one"));
  ASSERT_NE(one, nullptr);
  EXPECT_FALSE(runtime_->status().restored);
  EXPECT_TRUE(Snapshots().empty());
  EXPECT_EQ(InDistro(*one, "echo up").output, "up\n");
  ASSERT_TRUE(one->Stop(absl::Seconds(2)).ok());
}

TEST_F(VmTest, BootsTimeAfterTime) {
  const int boots = std::atoi(Variable("WSLM_TEST_BOOTS", "2").c_str());
  for (int i = 0; i < boots; ++i) {
    ASSERT_TRUE(runtime_->Shutdown().ok());
    const auto one = Start(SpecOf("one"));
    ASSERT_NE(one, nullptr);
    EXPECT_EQ(InDistro(*one, "echo up").output, "up\n");
    ASSERT_TRUE(one->Stop(absl::Seconds(2)).ok());
  }
}

// Root's tests would hide what an ordinary user may not do.
bool BecomeOrdinaryUser() {
  if (::geteuid() != 0) return true;
  const passwd* user = ::getpwnam(Variable("WSLM_TEST_USER", "nobody").c_str());
  return user != nullptr && ::setgroups(0, nullptr) == 0 && ::setgid(user->pw_gid) == 0 &&
         ::setuid(user->pw_uid) == 0 && ::setenv("HOME", user->pw_dir, 1) == 0;
}

}  // namespace
}  // namespace wslm

int main(int argc, char** argv) {
  ::setlocale(LC_CTYPE, "C.UTF-8");
  testing::InitGoogleTest(&argc, argv);
  if (!wslm::BecomeOrdinaryUser()) return 1;
  return RUN_ALL_TESTS();
}
