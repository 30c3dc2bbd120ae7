// syscall_fuzz SECONDS [SEED]: makes random system calls, for the layer below to stumble over. A static program, so
// that it runs in any distro; it works in a new folder in the current one.
//
// Children make the calls, with three threads each and a signal every few milliseconds, and are replaced when they die
// of it. Their parent looks between them whether the layer still answers, and rightly. Exit code 0: it always did; 1:
// not, with a line about it on standard output. Deterministic in what is called with what, not in how threads
// interleave.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using Random = std::mt19937_64;

constexpr size_t kPage = 4096;
constexpr int kCallsOfAChild = 3000;
constexpr int kSecondsOfAChild = 3;

// What an argument is.
enum Kind : uint8_t {
  kEnd = 0,
  kFd,
  kPath,
  kFlags,
  kMode,
  kId,
  kSize,
  kIn,   // memory that is read
  kOut,  // memory that is written to
  kPid,
  kSignal,
  kAny,
  kName,  // of an xattr
  kAddress,
};

struct Shape {
  long number;
  Kind arguments[6];
  // How rarely it is called: one in so many times that it is drawn.
  int rare = 1;
};

// Left out: what ends the caller, the distro or its machine's patience by design (exit, reboot, sync, fork), and what
// is wholly the kernel's.
const Shape kShapes[] = {
    {SYS_getuid, {}},
    {SYS_geteuid, {}},
    {SYS_getresuid, {kOut, kOut, kOut}},
    {SYS_getresgid, {kOut, kOut, kOut}},
    {SYS_getgroups, {kSize, kOut}},
    {SYS_setuid, {kId}, 20},
    {SYS_setgid, {kId}, 20},
    {SYS_setreuid, {kId, kId}, 20},
    {SYS_setregid, {kId, kId}, 20},
    {SYS_setresuid, {kId, kId, kId}, 20},
    {SYS_setresgid, {kId, kId, kId}, 20},
    {SYS_setfsuid, {kId}, 4},
    {SYS_setfsgid, {kId}, 4},
    {SYS_setgroups, {kSize, kIn}, 10},
    {SYS_capget, {kIn, kOut}},
    {SYS_capset, {kIn, kIn}, 10},
    {SYS_prctl, {kSize, kAny, kAny, kAny, kAny}},
    {SYS_stat, {kPath, kOut}},
    {SYS_lstat, {kPath, kOut}},
    {SYS_fstat, {kFd, kOut}},
    {SYS_newfstatat, {kFd, kPath, kOut, kFlags}},
    {SYS_statx, {kFd, kPath, kFlags, kAny, kOut}},
    {SYS_readlink, {kPath, kOut, kSize}},
    {SYS_readlinkat, {kFd, kPath, kOut, kSize}},
    {SYS_access, {kPath, kMode}},
    {SYS_faccessat2, {kFd, kPath, kMode, kFlags}},
    {SYS_statfs, {kPath, kOut}},
    {SYS_name_to_handle_at, {kFd, kPath, kOut, kOut, kFlags}},
    {SYS_inotify_add_watch, {kFd, kPath, kAny}},
    {SYS_fanotify_mark, {kFd, kFlags, kAny, kFd, kPath}},
    {SYS_open, {kPath, kFlags, kMode}},
    {SYS_creat, {kPath, kMode}},
    {SYS_openat, {kFd, kPath, kFlags, kMode}},
    {SYS_openat2, {kFd, kPath, kIn, kSize}},
    {SYS_truncate, {kPath, kSize}},
    {SYS_chmod, {kPath, kMode}},
    {SYS_fchmod, {kFd, kMode}},
    {SYS_fchmodat, {kFd, kPath, kMode}},
    {SYS_chown, {kPath, kId, kId}},
    {SYS_lchown, {kPath, kId, kId}},
    {SYS_fchown, {kFd, kId, kId}},
    {SYS_fchownat, {kFd, kPath, kId, kId, kFlags}},
    {SYS_utimensat, {kFd, kPath, kIn, kFlags}},
    {SYS_futimesat, {kFd, kPath, kIn}},
    {SYS_mkdir, {kPath, kMode}},
    {SYS_mkdirat, {kFd, kPath, kMode}},
    {SYS_mknod, {kPath, kMode, kAny}},
    {SYS_mknodat, {kFd, kPath, kMode, kAny}},
    {SYS_symlink, {kPath, kPath}},
    {SYS_symlinkat, {kPath, kFd, kPath}},
    {SYS_link, {kPath, kPath}},
    {SYS_linkat, {kFd, kPath, kFd, kPath, kFlags}},
    {SYS_rename, {kPath, kPath}},
    {SYS_renameat2, {kFd, kPath, kFd, kPath, kFlags}},
    {SYS_unlink, {kPath}},
    {SYS_unlinkat, {kFd, kPath, kFlags}},
    {SYS_rmdir, {kPath}},
    {SYS_getxattr, {kPath, kName, kOut, kSize}},
    {SYS_lgetxattr, {kPath, kName, kOut, kSize}},
    {SYS_fgetxattr, {kFd, kName, kOut, kSize}},
    {SYS_setxattr, {kPath, kName, kIn, kSize, kFlags}},
    {SYS_lsetxattr, {kPath, kName, kIn, kSize, kFlags}},
    {SYS_fsetxattr, {kFd, kName, kIn, kSize, kFlags}},
    {SYS_listxattr, {kPath, kOut, kSize}},
    {SYS_flistxattr, {kFd, kOut, kSize}},
    {SYS_removexattr, {kPath, kName}},
    {SYS_fremovexattr, {kFd, kName}},
    {SYS_execve, {kPath, kAny, kAny}, 50},
    {SYS_execveat, {kFd, kPath, kAny, kAny, kFlags}, 50},
    {SYS_chdir, {kPath}, 20},
    {SYS_fchdir, {kFd}, 20},
    {SYS_chroot, {kPath}, 200},
    {SYS_pivot_root, {kPath, kPath}, 10},
    {SYS_mount, {kPath, kPath, kName, kFlags, kIn}, 10},
    {SYS_umount2, {kPath, kFlags}, 50},
    {SYS_setns, {kFd, kFlags}, 10},
    {SYS_open_tree, {kFd, kPath, kFlags}, 4},
    {SYS_move_mount, {kFd, kPath, kFd, kPath, kFlags}, 10},
    {SYS_fsopen, {kName, kFlags}, 10},
    {SYS_fsconfig, {kFd, kSize, kName, kIn, kFd}, 10},
    {SYS_fsmount, {kFd, kFlags, kFlags}, 10},
    {SYS_fspick, {kFd, kPath, kFlags}, 10},
    {SYS_mount_setattr, {kFd, kPath, kFlags, kIn, kSize}, 20},
    {SYS_unshare, {kFlags}, 50},
    {SYS_sethostname, {kIn, kSize}, 20},
    {SYS_kill, {kPid, kSignal}},
    {SYS_tkill, {kPid, kSignal}},
    {SYS_tgkill, {kPid, kPid, kSignal}},
    {SYS_rt_sigqueueinfo, {kPid, kSignal, kIn}},
    {SYS_pidfd_send_signal, {kFd, kSignal, kAny, kAny}, 4},
    {SYS_pidfd_open, {kPid, kFlags}},
    {SYS_pidfd_getfd, {kFd, kFd, kFlags}},
    {SYS_ptrace, {kSize, kPid, kAny, kAny}, 20},
    {SYS_process_vm_readv, {kPid, kIn, kSize, kIn, kSize, kAny}},
    {SYS_kcmp, {kPid, kPid, kSize, kFd, kFd}},
    {SYS_prlimit64, {kPid, kSize, kIn, kOut}, 20},
    {SYS_setpriority, {kSize, kPid, kSize}},
    {SYS_getpriority, {kSize, kPid}},
    {SYS_ioprio_set, {kSize, kPid, kAny}},
    {SYS_sched_setscheduler, {kPid, kSize, kIn}},
    {SYS_sched_setattr, {kPid, kIn, kFlags}},
    {SYS_sched_setaffinity, {kPid, kSize, kIn}, 20},
    {SYS_socket, {kSize, kSize, kSize}},
    {SYS_bind, {kFd, kAddress, kSize}},
    {SYS_connect, {kFd, kAddress, kSize}},
    {SYS_listen, {kFd, kSize}},
    {SYS_accept4, {kFd, kOut, kOut, kFlags}, 4},
    {SYS_sendto, {kFd, kIn, kSize, kFlags, kAddress, kSize}},
    {SYS_sendmsg, {kFd, kIn, kFlags}},
    {SYS_sendmmsg, {kFd, kIn, kSize, kFlags}},
    {SYS_getsockopt, {kFd, kSize, kSize, kOut, kOut}},
    {SYS_syncfs, {kFd}, 5000},
    {SYS_memfd_create, {kName, kFlags}, 4},
    {SYS_dup, {kFd}},
    {SYS_close, {kFd}, 2},
    {SYS_read, {kFd, kOut, kSize}, 4},
    {SYS_write, {kFd, kIn, kSize}, 4},
    {SYS_getdents64, {kFd, kOut, kSize}},
    {SYS_flock, {kFd, kSize}, 4},
    {SYS_umask, {kMode}},
    {SYS_io_uring_setup, {kSize, kOut}, 10},
    {SYS_bpf, {kSize, kIn, kSize}, 10},
    {SYS_keyctl, {kSize, kAny, kAny}, 10},
};

const char* const kPaths[] = {
    "a",
    "b",
    "c",
    "d",
    "a/b",
    "d/a",
    "d/b/../c",
    "d/",
    "d//a",
    "./d/.",
    "..",
    ".",
    "",
    "a/",
    "link",
    "link/a",
    "loop",
    "/proc/self/status",
    "/proc/self/fd/3",
    "/proc/self/cwd/a",
    "/proc/self/root",
    "/proc/self/exe",
    "/proc/self/mem",
    "/proc/self/timerslack_ns",
    "/proc/thread-self/environ",
    "/proc/1/status",
    "/proc/1/environ",
    "/proc/self/fd/4/a",
    "/proc/self/ns/user",
    "/proc/self/ns/mnt",
    "/proc/mounts",
    "/proc/self/task",
    "/dev/fd/3",
    "/dev/stdin",
    "/dev/null",
    "/dev/zero",
    "/dev/pts/0",
    "/dev/shm/fuzz",
    "/dev/shm",
    "/nowhere/at/all",
    "/bin/true",
    "/etc/passwd",
};

const char* const kNames[] = {"user.a",         "user.lxfs", "user.lxfs.security.capability",
                              "trusted.x",      "tmpfs",     "system.posix_acl_access",
                              "proc",           "overlay",   "security.capability",
                              "security.other", "user.",     "",
                              "fuse",           "source",    "user.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

const int64_t kNumbers[] = {0,       1,   2,   3,    4,         5,         8,          16,        24,
                            64,      100, 255, 256,  1000,      4095,      4096,       65535,     65536,
                            1 << 20, -1,  -2,  -100, INT32_MAX, INT32_MIN, UINT32_MAX, INT64_MAX, INT64_MIN};

template <typename T, size_t kCount>
T Any(Random& random, const T (&all)[kCount]) {
  return all[random() % kCount];
}

// Pages that can be read and written, with one behind that can't; shared by the threads, so that memory changes under
// calls.
class Memory {
 public:
  Memory() {
    start_ =
        static_cast<char*>(::mmap(nullptr, kSize + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ::mprotect(start_ + kSize, kPage, PROT_NONE);
  }

  uint64_t Bytes(Random& random, bool filled) {
    switch (random() % 16) {
      case 0:
        return 0;
      case 1:
        return 1;
      case 2:
        return reinterpret_cast<uint64_t>(start_ + kSize);
      case 3:
        return reinterpret_cast<uint64_t>(start_ + kSize - 1 - random() % 64);
      case 4:
        return 0xffff'8000'0000'0000;
      default:
        break;
    }
    char* const at = start_ + random() % (kSize - 2 * kPage) / 8 * 8;
    if (filled) {
      for (int i = 0; i < 8; ++i) {
        const uint64_t word = random() % 3 == 0   ? reinterpret_cast<uint64_t>(start_ + random() % kSize)
                              : random() % 2 == 0 ? random()
                                                  : static_cast<uint64_t>(Any(random, kNumbers));
        std::memcpy(at + 8 * i, &word, sizeof(word));
      }
      const uint32_t version = _LINUX_CAPABILITY_VERSION_3;
      if (random() % 4 == 0) std::memcpy(at, &version, sizeof(version));
    }
    return reinterpret_cast<uint64_t>(at);
  }

  uint64_t Text(Random& random, const std::string& text) {
    if (random() % 32 == 0) return Bytes(random, true);
    // Now and then at the very end of what can be read.
    char* const at =
        random() % 8 == 0 ? start_ + kSize - text.size() - 1 : start_ + random() % (kSize - text.size() - 1);
    std::memcpy(at, text.c_str(), text.size() + (random() % 64 != 0));
    return reinterpret_cast<uint64_t>(at);
  }

 private:
  static constexpr size_t kSize = 32 * kPage;
  char* start_;
};

std::string Path(Random& random) {
  switch (random() % 24) {
    case 0:
      return std::string(random() % 5000, 'x');
    case 1: {
      std::string deep;
      for (size_t i = random() % 600; i > 0; --i) deep += "d/../";
      return deep + "a";
    }
    case 2: {
      std::string bytes = Any(random, kPaths);
      bytes.push_back(static_cast<char>(random() | 1));
      return bytes;
    }
    default:
      return Any(random, kPaths);
  }
}

uint64_t Address(Random& random, Memory& memory) {
  sockaddr_un un = {};
  un.sun_family = random() % 8 == 0 ? static_cast<sa_family_t>(random() % 20) : AF_UNIX;
  const std::string path = Path(random);
  std::memcpy(un.sun_path, path.data(), std::min(path.size(), sizeof(un.sun_path)));
  return memory.Text(random, std::string(reinterpret_cast<const char*>(&un), sizeof(un)));
}

uint64_t Argument(Random& random, Memory& memory, Kind kind) {
  switch (kind) {
    case kEnd:
      return random();
    case kFd:
      return random() % 4 == 0 ? static_cast<uint64_t>(AT_FDCWD) : 3 + random() % 24 - (random() % 32 == 0 ? 100 : 0);
    case kPath:
      return memory.Text(random, Path(random));
    case kName:
      return memory.Text(random, random() % 32 == 0 ? std::string(random() % 400, 'n') : Any(random, kNames));
    case kFlags: {
      uint64_t flags = 0;
      for (int i = random() % 4; i > 0; --i) flags |= uint64_t{1} << random() % 32;
      return flags;
    }
    case kMode:
      return random() % 2 == 0 ? random() & 07777 : random() & 0177777;
    case kId:
      return random() % 2 == 0 ? random() % 3 * 500 : static_cast<uint64_t>(Any(random, kNumbers));
    case kSize:
      return random() % 2 == 0 ? random() % 64 : static_cast<uint64_t>(Any(random, kNumbers));
    case kIn:
      return memory.Bytes(random, true);
    case kOut:
      return memory.Bytes(random, false);
    case kPid:
      // Itself and what can't be there: never 0, 1, -1 or the parent.
      return random() % 3 == 0 ? 0x3fffffff : static_cast<uint64_t>(::getpid());
    case kSignal: {
      static constexpr int kSignals[] = {0, SIGUSR1, SIGUSR2, SIGCONT, SIGURG, 64, 65, -1};
      return static_cast<uint64_t>(Any(random, kSignals));
    }
    case kAny:
      return random() % 2 == 0 ? memory.Bytes(random, true) : static_cast<uint64_t>(Any(random, kNumbers));
    case kAddress:
      return Address(random, memory);
  }
  return 0;
}

// Said by the parent, after the children, which may be anywhere.
int* complaints;

// Errors that no call of Linux' gives for any of these arguments (/proc/self/mem gives EIO where nothing is mapped).
void Judge(long number, long result, int error) {
  if (result != -1) return;
  if (error > EHWPOISON || error == EREMOTE || (error == EIO && number != SYS_read && number != SYS_write)) {
    __atomic_fetch_add(complaints, 1, __ATOMIC_RELAXED);
    std::printf("call %ld failed with errno %d\n", number, error);
    std::fflush(stdout);
  }
}

void MakeCalls(uint64_t seed, Memory& memory) {
  Random random(seed);
  for (int i = 0; i < kCallsOfAChild; ++i) {
    const Shape& shape = kShapes[random() % std::size(kShapes)];
    uint64_t a[6];
    for (int j = 0; j < 6; ++j) a[j] = Argument(random, memory, shape.arguments[j]);
    if (random() % shape.rare != 0) continue;
    // Tracers would have to be answered.
    if (shape.number == SYS_ptrace && (a[0] == 0 || a[0] == 16 || a[0] == 0x4206)) continue;
    const long result = ::syscall(shape.number, a[0], a[1], a[2], a[3], a[4], a[5]);
    Judge(shape.number, result, errno);
  }
}

// The child's threads, which signals are to reach all.
pid_t others[2];

void OnSignal(int signal) {
  if (signal != SIGALRM) return;
  const int error = errno;
  for (const pid_t tid : others) {
    if (tid != 0) ::syscall(SYS_tgkill, ::getpid(), tid, SIGURG);
  }
  errno = error;
}

[[noreturn]] void RunChild(uint64_t seed) {
  ::setsid();
  // Mounts are its own, where it may have any; else it must not reach those of all.
  if (::geteuid() == 0 &&
      (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr))) {
    ::_exit(0);
  }
  const rlimit kFile = {1 << 20, 1 << 20}, kNone = {0, 0}, kFiles = {256, 256};
  ::setrlimit(RLIMIT_FSIZE, &kFile);
  ::setrlimit(RLIMIT_CORE, &kNone);
  ::setrlimit(RLIMIT_NOFILE, &kFiles);
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  for (int signal = 1; signal < NSIG; ++signal) {
    if (signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGABRT || signal == SIGTERM) continue;
    action.sa_flags = seed & 1 ? SA_RESTART : 0;
    ::sigaction(signal, &action, nullptr);
  }
  const itimerval kTimer = {{0, 3000}, {0, 3000}};
  ::setitimer(ITIMER_REAL, &kTimer, nullptr);
  ::close(STDIN_FILENO);
  ::open("/dev/null", O_RDONLY);
  int ends[2];
  [[maybe_unused]] int made = ::pipe(ends);
  made = ::socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
  ::socket(AF_UNIX, SOCK_STREAM, 0);
  ::open(".", O_RDONLY | O_DIRECTORY);
  ::open("/proc/self", O_PATH);
  static Memory& memory = *new Memory;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([i, seed] {
      others[i] = ::gettid();
      MakeCalls(seed * 3 + i, memory);
      others[i] = 0;
    });
  }
  MakeCalls(seed * 3 + 2, memory);
  for (std::thread& thread : threads) thread.join();
  ::_exit(0);
}

// What the layer must always say, whatever the children do; null: it does.
const char* WhatIsWrong(const std::string& folder) {
  const std::string name = folder + "/check";
  struct stat found;
  ::unlink(name.c_str());
  if (::geteuid() != ::getuid()) return "geteuid";
  // A user can't have changed it.
  if (::stat("/", &found) != 0 || (::getuid() != 0 && found.st_uid != 0)) return "the root folder";
  const int fd = ::open(name.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0640);
  if (fd < 0 || ::close(fd) != 0) return "open";
  if (::stat(name.c_str(), &found) != 0) return "stat";
  if (found.st_uid != ::getuid() || found.st_gid != ::getgid()) return "owner";
  if (::chmod(name.c_str(), 04711) != 0 || ::stat(name.c_str(), &found) != 0) return "chmod";
  if ((found.st_mode & 07777) != 04711) return "mode";
  return ::unlink(name.c_str()) == 0 ? nullptr : "unlink";
}

// Its path.
std::string NewFolder(std::string name) {
  char path[4096];
  if (::mkdtemp(name.data()) == nullptr || ::realpath(name.c_str(), path) == nullptr) {
    std::puts("cannot make a folder here");
    std::exit(2);
  }
  return path;
}

void OnLate(int) {
  constexpr char kText[] = "no answer for 20 s\n";
  [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, kText, sizeof(kText) - 1);
  ::_exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: syscall_fuzz SECONDS [SEED]\n", stderr);
    return 2;
  }
  const time_t end = ::time(nullptr) + std::atoi(argv[1]);
  uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 0) : std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  complaints = static_cast<int*>(::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ::signal(SIGALRM, OnLate);
  // Which no child finds, whatever it does to the folders that it works in.
  const std::string checked = NewFolder("check.XXXXXX");
  int children = 0;
  int late = 0;
  while (::time(nullptr) < end) {
    // "..", too, is a folder that nobody else needs.
    const std::string work = NewFolder("fuzz.XXXXXX") + "/work";
    ::mkdir(work.c_str(), 0755);
    const pid_t child = ::fork();
    if (child == 0) {
      if (::chdir(work.c_str()) == 0) RunChild(seed);
      std::puts("cannot enter a new folder");
      ::_exit(1);
    }
    ++children;
    ++seed;
    // A call may block for good: so it does on Linux.
    int status = 0;
    const time_t child_end = ::time(nullptr) + kSecondsOfAChild;
    while (::waitpid(child, &status, WNOHANG) == 0) {
      if (::time(nullptr) >= child_end) {
        ::kill(child, SIGKILL);
        ++late;
      }
      ::usleep(5000);
    }
    ::alarm(20);
    const char* const wrong = WhatIsWrong(checked);
    const int error = errno;
    ::alarm(0);
    if (wrong != nullptr) {
      std::printf("%s is wrong after child %d: %s\n", wrong, children, std::strerror(error));
      return 1;
    }
  }
  std::printf("%d children, %d of them ended by force\n", children, late);
  return *complaints == 0 ? 0 : 1;
}
