// Devices, fifos, magic links, watches, locks.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "files/special";

void MakeDevice(const char* path, mode_t type, unsigned major, unsigned minor, mode_t mode = 0666) {
  OK(mknod(path, type | 0600, makedev(major, minor)));
  OK(chmod(path, mode));
}

void CheckDevices() {
  char byte = 'x';
  SAME(1, write(OK(open("null", O_WRONLY)), &byte, 1));
  SAME(0, read(OK(open("null", O_RDONLY)), &byte, 1));
  SAME(1, read(OK(open("zero", O_RDONLY)), &byte, 1));
  SAME(0, byte);
  FAILS(ENOSPC, write(OK(open("full", O_WRONLY)), &byte, 1));
  SAME(1, read(OK(open("random", O_RDONLY)), &byte, 1));
  SAME(1, read(OK(open("urandom", O_RDONLY)), &byte, 1));
  OK(open("null", O_WRONLY | O_CREAT | O_TRUNC, 0644));
  SAME(S_IFCHR | 0666, StatOf("null").st_mode);
}

// A terminal gives what is written to it piece by piece.
std::string ReadAll(int fd, size_t size) {
  std::string text(size, 0);
  for (size_t done = 0; done < size;) done += OK(read(fd, &text[done], size - done));
  return text;
}

BEHAVIOUR(kRoot, "devices that a distro makes are served") {
  MakeDevice("null", S_IFCHR, 1, 3);
  MakeDevice("zero", S_IFCHR, 1, 5);
  MakeDevice("full", S_IFCHR, 1, 7);
  MakeDevice("random", S_IFCHR, 1, 8);
  MakeDevice("urandom", S_IFCHR, 1, 9);
  CheckDevices();
  As(kUser, CheckDevices);
}

BEHAVIOUR(kRoot, "a device has the rights of its node") {
  MakeDevice("null", S_IFCHR, 1, 3, 0640);
  As(kUser, [] {
    FAILS(EACCES, open("null", O_RDONLY));
    FAILS(EACCES, open("null", O_WRONLY));
  });
  Own("null", 0, kSharedGroup);
  As(kUser, [] {
    OK(open("null", O_RDONLY));
    FAILS(EACCES, open("null", O_WRONLY));
  });
}

BEHAVIOUR(kRoot, "a device that nothing serves is ENXIO") {
  MakeDevice("c", S_IFCHR, 239, 7);
  MakeDevice("b", S_IFBLK, 239, 7);
  FAILS(ENXIO, open("c", O_RDONLY));
  FAILS(ENXIO, open("b", O_RDONLY));
  FAILS(ENXIO, open("c", O_RDWR | O_CREAT, 0600));
  OK(open("c", O_PATH));
}

BEHAVIOUR(kEach, "without a terminal of its own a process has no /dev/tty") { FAILS(ENXIO, open("/dev/tty", O_RDWR)); }

BEHAVIOUR(kEach, "a new pseudo terminal is its maker's, and /dev/tty is the one of the session") {
  const int master = OK(posix_openpt(O_RDWR | O_NOCTTY));
  OK(grantpt(master));
  OK(unlockpt(master));
  const char* name = OK(ptsname(master));
  SAME(S_IFCHR | 0620, StatOf(name).st_mode);
  SAME(getuid(), StatOf(name).st_uid);
  SAME(5, StatOf(name).st_gid);
  const int slave = OK(open(name, O_RDWR));
  const int tty = OK(open("/dev/tty", O_RDWR));
  SAME(5, write(tty, "text\n", 5));
  SAME("text\r\n", ReadAll(master, 6));
  THAT(isatty(slave));
}

BEHAVIOUR(kRoot, "a pseudo terminal that gets the number of another's is its own maker's") {
  for (uid_t uid : {kOther, kUser, uid_t{0}, kOther}) {
    As(uid, [uid] {
      const int master = OK(posix_openpt(O_RDWR | O_NOCTTY));
      SAME(uid, StatOf(OK(ptsname(master))).st_uid);
    });
  }
}

BEHAVIOUR(kRoot, "a node made for /dev/tty is the terminal of who opens it") {
  MakeDevice("tty", S_IFCHR, 5, 0);
  FAILS(ENXIO, open("tty", O_RDWR));
  const int master = OK(posix_openpt(O_RDWR | O_NOCTTY));
  OK(unlockpt(master));
  OK(open(OK(ptsname(master)), O_RDWR));
  SAME(2, write(OK(open("tty", O_RDWR)), "x\n", 2));
  SAME("x\r\n", ReadAll(master, 3));
}

BEHAVIOUR(kEach, "opening a fifo waits for the other end, and a signal ends it") {
  OK(mkfifo("p", 0600));
  FAILS(ENXIO, open("p", O_WRONLY | O_NONBLOCK));
  OK(close(OK(open("p", O_RDONLY | O_NONBLOCK))));
  const pid_t child = OK(fork());
  if (child == 0) {
    const int fd = OK(open("p", O_WRONLY));
    OK(write(fd, "text", 4));
    _exit(0);
  }
  char text[9];
  SAME(4, read(OK(open("p", O_RDONLY)), text, sizeof(text)));
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  OK(sigaction(SIGALRM, &action, nullptr));
  OK(mkfifo("q", 0600));
  alarm(1);
  FAILS(EINTR, open("q", O_RDONLY));
}

BEHAVIOUR(kRoot, "a waiting fifo stops nobody else, whoever owns it") {
  OK(mkfifo("p", 0600));
  Own("p", kOther, kOther);
  const pid_t child = OK(fork());
  if (child == 0) {
    As(kOther, [] { open("p", O_RDONLY); });
    _exit(0);
  }
  usleep(100'000);
  for (int i = 0; i < 100; ++i) WriteFile("f", "text", 0600);
  As(kUser, [] { FAILS(EACCES, open("f", O_RDONLY)); });
  As(kOther, [] { OK(open("p", O_WRONLY)); });
}

BEHAVIOUR(kEach, "a socket can't be opened") {
  OK(mknod("s", S_IFSOCK | 0666, 0));
  FAILS(ENXIO, open("s", O_RDWR));
  OK(open("s", O_PATH));
}

BEHAVIOUR(kEach, "magic links lead to what is open") {
  WriteFile("f", "text", 0600);
  const int fd = OK(open("f", O_RDONLY));
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const std::string name = std::string(OK(getcwd(nullptr, 0))) + "/f";
  SAME(name, ReadLink(link));
  OK(rename("f", "g"));
  SAME("text", ReadFile(link));
  SAME("text", ReadFile("/proc/thread-self/fd/" + std::to_string(fd)));
  SAME("text", ReadFile("/dev/fd/" + std::to_string(fd)));
  OK(unlink("g"));
  SAME("text", ReadFile(link));
  SAME(std::string(OK(getcwd(nullptr, 0))), ReadLink("/proc/self/cwd"));
  SAME("/", ReadLink("/proc/self/root"));
  SAME(std::to_string(getpid()), ReadLink("/proc/self"));
  int ends[2];
  OK(pipe(ends));
  SAME("pipe:[", ReadLink("/proc/self/fd/" + std::to_string(ends[0])).substr(0, 6));
  const int memory = OK(memfd_create("m", 0));
  OK(write(memory, "in memory", 9));
  SAME("in memory", ReadFile("/proc/self/fd/" + std::to_string(memory)));
  SAME(getuid(), [&] {
    struct stat s;
    OK(fstat(memory, &s));
    return s.st_uid;
  }());
}

BEHAVIOUR(kEach, "watches tell of changes") {
  const int fd = OK(inotify_init1(IN_NONBLOCK));
  OK(inotify_add_watch(fd, ".", IN_CREATE | IN_ATTRIB | IN_DELETE));
  WriteFile("f");
  OK(unlink("f"));
  char events[4096];
  THAT(OK(read(fd, events, sizeof(events))) >= static_cast<ssize_t>(3 * sizeof(inotify_event)));
  FAILS(ENOENT, inotify_add_watch(fd, "none", IN_CREATE));
  FAILS(EFAULT, syscall(SYS_inotify_add_watch, fd, 8, IN_CREATE));
}

BEHAVIOUR(kRoot, "a watch needs the right to read") {
  WriteFile("f", "", 0600);
  As(kUser, [] { FAILS(EACCES, inotify_add_watch(OK(inotify_init()), "f", IN_MODIFY)); });
}

BEHAVIOUR(kEach, "locks, holes, maps and copies are as ever") {
  WriteFile("f", "text");
  const int fd = OK(open("f", O_RDWR));
  OK(flock(fd, LOCK_EX));
  FAILS(EWOULDBLOCK, flock(OK(open("f", O_RDWR)), LOCK_EX | LOCK_NB));
  OK(fallocate(fd, 0, 0, 65536));
  OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096));
  SAME(4096, lseek(fd, 0, SEEK_HOLE));
  char* map = static_cast<char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  THAT(map != MAP_FAILED);
  map[0] = 'T';
  const int to = OK(open("g", O_RDWR | O_CREAT, 0600));
  SAME(4, copy_file_range(fd, nullptr, to, nullptr, 4, 0) >= 0 ? 4 : -1);
  char c;
  OK(pread(fd, &c, 1, 0));
  SAME('T', c);
}

}  // namespace
}  // namespace wslm::conformance
