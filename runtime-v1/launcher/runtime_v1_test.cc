#include "runtime-v1/launcher/runtime_v1.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/test_folder.h"

namespace wslm {
namespace {

using runtime::v1::GuestMessage;
using runtime::v1::Instance;
using runtime::v1::OpenRequest;

constexpr char kBusybox[] = "/bin/busybox";  // Debian's busybox-static

// Collects a session's output until its end.
class Collector : public runtime::v1::StreamObserver {
 public:
  void OnMessage(const GuestMessage& message, size_t) override {
    std::lock_guard lock(mutex_);
    output_ += message.stdout();
    if (message.has_exited()) code_ = message.exited().code();
  }
  void OnEnd(const absl::Status& status) override {
    std::lock_guard lock(mutex_);
    status_ = status;
    ended_ = true;
    changed_.notify_all();
  }
  std::string Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [this] { return ended_; });
    return output_ + (status_.ok() ? "" : std::string(status_.message())) + "=" + std::to_string(code_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string output_;
  int code_ = -1;
  absl::Status status_;
  bool ended_ = false;
};

class RuntimeV1Test : public ::testing::Test {
 protected:
  void SetUp() override {
    if (absl::Status status = CheckHostForV1(); !status.ok()) GTEST_SKIP() << status.message();
    if (::access(kBusybox, X_OK) != 0) GTEST_SKIP() << "no static busybox";
    for (const char* folder : {"rootfs/bin", "rootfs/etc", "rootfs/root", "rootfs/tmp"}) {
      std::filesystem::create_directories(folder_.path() + "/" + folder);
    }
    std::filesystem::copy_file(kBusybox, folder_.path() + "/rootfs/bin/busybox");
    std::filesystem::create_symlink("busybox", folder_.path() + "/rootfs/bin/sh");
    ASSERT_TRUE(WriteFileAtomically(folder_.path() + "/rootfs/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n").ok());
    home_.run = folder_.path() + "/run";
    spec_.folder = folder_.path();
    spec_.config.set_distro_id("id");
    spec_.config.set_distro_name("box");
    spec_.config.set_hostname("box");
    spec_.config.set_version(1);
  }

  std::shared_ptr<Instance> Start() {
    auto instance = MakeRuntimeV1(home_)->Start(spec_, [](const std::string&) {});
    EXPECT_TRUE(instance.ok()) << instance.status();
    return instance.ok() ? *instance : nullptr;
  }

  static std::string Run(Instance& instance, const std::string& command) {
    static int number = 0;
    OpenRequest request;
    auto* start = request.mutable_session_start();
    start->set_session_id("s" + std::to_string(++number));
    start->set_shell(runtime::v1::SHELL_NONE);
    for (const std::string& word : {std::string("/bin/sh"), std::string("-c"), command}) start->add_argv(word);
    auto collector = std::make_shared<Collector>();
    auto stream = instance.channel()->Open(request, collector);
    return collector->Wait();
  }

  TestFolder folder_;
  Home home_;
  runtime::v1::StartSpec spec_;
};

TEST_F(RuntimeV1Test, RunsACommandAsRootAndEndsWithNothingLeft) {
  auto instance = Start();
  ASSERT_NE(instance, nullptr);
  EXPECT_EQ(Run(*instance, "busybox id -u; busybox hostname; exit 3"), "0\nbox\n=3");
  EXPECT_TRUE(instance->Stop(absl::Seconds(1)).ok());
  EXPECT_TRUE(instance->Stop(absl::Seconds(1)).ok()) << "idempotent";
  EXPECT_FALSE(PathExists(home_.run + "/v1/id"));
  EXPECT_TRUE(MakeRuntimeV1(home_)->Adopt().empty());
}

TEST_F(RuntimeV1Test, OwnersStayAfterStopAndStart) {
  auto instance = Start();
  ASSERT_NE(instance, nullptr);
  Run(*instance, "cd /root; busybox touch f; busybox chown 5:6 f; busybox mknod d c 1 3; busybox chmod 4711 f");
  ASSERT_TRUE(instance->Stop(absl::Seconds(1)).ok());
  instance = Start();
  ASSERT_NE(instance, nullptr);
  EXPECT_EQ(Run(*instance, "cd /root; busybox stat -c '%a %u:%g %F' f d"),
            "4711 5:6 regular empty file\n644 0:0 character special file\n=0");
  EXPECT_TRUE(instance->Stop(absl::Seconds(1)).ok());
}

TEST_F(RuntimeV1Test, ADistroThatRunsIsAdopted) {
  auto instance = Start();
  ASSERT_NE(instance, nullptr);
  Run(*instance, "echo here >/tmp/mark");
  instance.reset();
  auto adopted = MakeRuntimeV1(home_)->Adopt();
  ASSERT_EQ(adopted.size(), 1u);
  EXPECT_EQ(adopted[0]->distro_id(), "id");
  EXPECT_EQ(Run(*adopted[0], "busybox cat /tmp/mark"), "here\n=0");
  EXPECT_TRUE(adopted[0]->Stop(absl::Seconds(1)).ok());
}

TEST_F(RuntimeV1Test, ASecondStartIsRefused) {
  auto instance = Start();
  ASSERT_NE(instance, nullptr);
  auto second = MakeRuntimeV1(home_)->Start(spec_, [](const std::string&) {});
  EXPECT_EQ(ReasonOf(second.status()), reason::kDistroRunning) << second.status();
  EXPECT_TRUE(instance->Stop(absl::Seconds(1)).ok());
}

TEST_F(RuntimeV1Test, AMissingRootSaysSo) {
  std::filesystem::remove_all(folder_.path() + "/rootfs");
  auto result = MakeRuntimeV1(home_)->Start(spec_, [](const std::string&) {});
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(std::string(result.status().message()), ::testing::HasSubstr("rootfs"));
}

TEST_F(RuntimeV1Test, TheEndIsToldOnceHoweverItComes) {
  auto instance = Start();
  ASSERT_NE(instance, nullptr);
  std::mutex mutex;
  std::condition_variable changed;
  int ends = 0;
  instance->OnExit([&] {
    std::lock_guard lock(mutex);
    ++ends;
    changed.notify_all();
  });
  auto lock_text = ReadSmallFile(home_.run + "/v1/id/lock");
  ASSERT_TRUE(lock_text.ok());
  ASSERT_EQ(::kill(std::atoi(lock_text->c_str()), SIGKILL), 0);
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(10), [&] { return ends == 1; }));
}

TEST_F(RuntimeV1Test, TheLogOfACrashStaysUntilTheDistroIsForgotten) {
  auto instance = Start();
  ASSERT_NE(instance, nullptr);
  auto lock_text = ReadSmallFile(home_.run + "/v1/id/lock");
  ASSERT_TRUE(lock_text.ok());
  ASSERT_EQ(::kill(std::atoi(lock_text->c_str()), SIGKILL), 0);
  EXPECT_TRUE(instance->Stop(absl::Seconds(1)).ok());
  EXPECT_TRUE(PathExists(home_.run + "/v1/id/log"));
  MakeRuntimeV1(home_)->Forget("id");
  EXPECT_FALSE(PathExists(home_.run + "/v1/id"));
}

TEST_F(RuntimeV1Test, OwnersStayWhenLxcoreIsKilled) {
  auto instance = Start();
  ASSERT_NE(instance, nullptr);
  Run(*instance, "cd /root; busybox ln -s x l; busybox chown -h 5:6 l; busybox mkfifo p; busybox chown 7:8 p");
  auto lock_text = ReadSmallFile(home_.run + "/v1/id/lock");
  ASSERT_TRUE(lock_text.ok());
  ASSERT_EQ(::kill(std::atoi(lock_text->c_str()), SIGKILL), 0);
  EXPECT_TRUE(instance->Stop(absl::Seconds(1)).ok());
  instance = Start();
  ASSERT_NE(instance, nullptr);
  EXPECT_EQ(Run(*instance, "cd /root; busybox stat -c '%u:%g %F' l p"), "5:6 symbolic link\n7:8 fifo\n=0");
  EXPECT_TRUE(instance->Stop(absl::Seconds(1)).ok());
}

}  // namespace
}  // namespace wslm
