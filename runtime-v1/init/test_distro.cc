#include "runtime-v1/init/test_distro.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

namespace wslm::init {
namespace {

using ::wslm::runtime::v1::Channel;

constexpr char kPasswd[] =
    "root:x:0:0:root:/root:/bin/bash\n"
    "alice:x:1000:1000::/home/alice:/bin/bash\n"
    "homeless:x:1001:1001::/home/homeless:/bin/sh\n"
    "bob:x:1002:1002::/home/bob:/bin/sh\n"
    "broken:x:1003:1003::/:/bin/no-such-shell\n";
constexpr char kGroup[] = "root:x:0:\ntty:x:5:\nalice:x:1000:\ncrew:x:2000:alice,bob\nbob:x:1002:\n";

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  ::_exit(99);
}
void Must(int result, const char* what) {
  if (result < 0) Die(what);
}
void WriteFile(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

void MakeDevice(const std::string& path, unsigned minor) {
  Must(::mknod(path.c_str(), S_IFCHR | 0666, makedev(1, minor)), path.c_str());
  Must(::chmod(path.c_str(), 0666), path.c_str());
}

// In the namespaces' first process.
void MakeRoot(const std::string& root) {
  Must(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "private /");
  Must(::mount("none", root.c_str(), "tmpfs", 0, "mode=755"), "tmpfs");
  for (const char* folder : {"/usr", "/etc", "/proc", "/dev", "/tmp", "/root", "/home", "/home/alice", "/home/bob",
                             "/mnt", "/mnt/host", "/mnt/host/shared", "/mnt/host/b\x1bob"}) {
    Must(::mkdir((root + folder).c_str(), 0755), folder);
  }
  Must(::chmod((root + "/tmp").c_str(), 01777), "tmp");
  Must(::chown((root + "/home/alice").c_str(), 1000, 1000), "alice");
  Must(::chown((root + "/home/bob").c_str(), 1002, 1002), "bob");
  Must(::chmod((root + "/home/bob").c_str(), 0700), "bob");
  Must(::chmod((root + "/mnt/host/b\x1bob").c_str(), 0700), "bob's on the host");
  Must(::mount("/usr", (root + "/usr").c_str(), nullptr, MS_BIND | MS_REC, nullptr), "usr");
  for (const char* link : {"bin", "sbin", "lib", "lib64"}) {
    Must(::symlink((std::string("usr/") + link).c_str(), (root + "/" + link).c_str()), link);
  }
  WriteFile(root + "/etc/passwd", kPasswd);
  WriteFile(root + "/etc/group", kGroup);
  WriteFile(root + "/etc/environment", "PATH=\"/usr/local/bin:/usr/bin:/bin\"\nFROM_ENVIRONMENT=yes\n");
  Must(::mount("proc", (root + "/proc").c_str(), "proc", 0, nullptr), "proc");
  const std::string dev = root + "/dev";
  Must(::mount("none", dev.c_str(), "tmpfs", 0, "mode=755"), "dev");
  MakeDevice(dev + "/null", 3);
  MakeDevice(dev + "/zero", 5);
  MakeDevice(dev + "/urandom", 9);
  Must(::mknod((dev + "/tty").c_str(), S_IFCHR | 0666, makedev(5, 0)), "tty");
  Must(::chmod((dev + "/tty").c_str(), 0666), "tty");
  Must(::mkdir((dev + "/pts").c_str(), 0755), "pts");
  Must(::mount("devpts", (dev + "/pts").c_str(), "devpts", 0, "newinstance,ptmxmode=0666,mode=620"), "devpts");
  Must(::symlink("pts/ptmx", (dev + "/ptmx").c_str()), "ptmx");
  Must(::chdir(root.c_str()), "chdir");
  Must(static_cast<int>(::syscall(SYS_pivot_root, ".", ".")), "pivot_root");
  Must(::umount2(".", MNT_DETACH), "umount");
  Must(::chdir("/"), "chdir /");
  Must(::sethostname("testbox", 7), "sethostname");
}

void KeepOverExec(int fd) { Must(::fcntl(fd, F_SETFD, 0), "keep descriptor"); }

[[noreturn]] void RunFirstProcess(const std::string& root, int program, int config, const std::string& link, int fd) {
  MakeRoot(root);
  KeepOverExec(config);
  KeepOverExec(fd);
  std::string config_argument = "--config-fd=" + std::to_string(config);
  std::string link_argument = "--" + link + "-fd=" + std::to_string(fd);
  char name[] = "wslm-init";
  char secret[] = "INIT_SECRET=1";
  char* argv[] = {name, config_argument.data(), link_argument.data(), nullptr};
  char* envp[] = {secret, nullptr};
  ::syscall(SYS_execveat, program, "", argv, envp, AT_EMPTY_PATH);
  Die("exec wslm-init");
}

sockaddr_un SocketAddress(const std::string& path) {
  sockaddr_un address = {.sun_family = AF_UNIX};
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return address;
}

UniqueFd Listen(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = SocketAddress(path);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(::listen(fd.get(), 8), 0);
  return fd;
}

}  // namespace

std::string TestDistro::WhyNot() {
  if (::geteuid() != 0) return "needs root: several users are made";
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC) == 0 ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0 ? "" : "namespaces cannot be made";
}

std::unique_ptr<TestDistro> TestDistro::Start(const ::wslm::runtime::v1::InstanceConfig& config, Link link) {
  std::unique_ptr<TestDistro> distro(new TestDistro);
  std::string pattern = std::filesystem::temp_directory_path() / "wslm-init-test.XXXXXX";
  distro->folder_ = ::mkdtemp(pattern.data());
  const std::string root = distro->folder_ + "/root";
  std::filesystem::create_directory(root);

  UniqueFd config_fd(::memfd_create("config", MFD_CLOEXEC));
  const std::string bytes = config.SerializeAsString();
  EXPECT_EQ(::pwrite(config_fd.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  const UniqueFd program(::open(WSLM_INIT_PATH, O_RDONLY | O_CLOEXEC));
  UniqueFd served;
  if (link == Link::kListener) {
    served = Listen(distro->folder_ + "/socket");
  } else {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    distro->channel_.Reset(fds[0]);
    served.Reset(fds[1]);
  }
  int told[2];
  EXPECT_EQ(::pipe2(told, O_CLOEXEC), 0);
  distro->maker_ = ::fork();
  if (distro->maker_ == 0) {
    distro->channel_.Reset();
    Must(::unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC), "unshare");
    const pid_t first = ::fork();
    if (first == 0) {
      RunFirstProcess(root, program.get(), config_fd.get(), link == Link::kListener ? "listen" : "channel",
                      served.get());
    }
    if (::write(told[1], &first, sizeof(first)) != sizeof(first)) ::_exit(98);
    ::close(served.Release());
    int status = 0;
    ::waitpid(first, &status, 0);
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 100);
  }
  ::close(told[1]);
  const ssize_t got = ::read(told[0], &distro->init_, sizeof(distro->init_));
  ::close(told[0]);
  EXPECT_EQ(got, static_cast<ssize_t>(sizeof(distro->init_)));
  return distro;
}

TestDistro::~TestDistro() {
  if (init_ > 0) ::kill(init_, SIGKILL);
  if (maker_ > 0) ::waitpid(maker_, nullptr, 0);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::shared_ptr<Channel> TestDistro::Connect() {
  UniqueFd fd = std::move(channel_);
  if (!fd) {
    fd.Reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = SocketAddress(folder_ + "/socket");
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  auto channel = Channel::Connect(std::move(fd), {});
  EXPECT_TRUE(channel.ok()) << channel.status();
  return channel.ok() ? *channel : nullptr;
}

std::optional<int> TestDistro::WaitExit() {
  for (int turn = 0; turn < 2000; ++turn) {
    int status = 0;
    if (::waitpid(maker_, &status, WNOHANG) == maker_) {
      maker_ = -1;
      init_ = -1;
      return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return std::nullopt;
}

}  // namespace wslm::init
