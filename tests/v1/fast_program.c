/* A program that is not of the distro's C library, about its own fast path: test_fast_programs.py. Says what is wrong,
 * and ends with 1 then. fast_program MODE; it makes files in the working folder, which is empty. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(what)                                                   \
  do {                                                                \
    if (!(what)) {                                                    \
      printf("line %d: not %s (errno %d)\n", __LINE__, #what, errno); \
      fflush(stdout);                                                 \
      _exit(1);                                                       \
    }                                                                 \
  } while (0)

/* After so many calls from one place the next one gets the fast path. */
enum { kEnough = 64, kMany = 1000, kSize = 4321, kUser = 1000 };

/* Whose the files are. */
static uid_t owner;
static gid_t group;
static const char file[] = "file", closed[] = "folder/file";

/* All looks come from here, so that they count together. */
__attribute__((noinline)) static void look(void) {
  struct stat s;
  CHECK(lstat(file, &s) == 0);
  CHECK(s.st_size == kSize && s.st_mode == (S_IFREG | 0640) && s.st_uid == owner && s.st_gid == group);
}

static void look_often(int times) {
  while (times-- > 0) look();
}

/* Whether the process has mapped code of the fast path. Without stdio, which asks for files' attributes, too. */
static int has_code(void) {
  static char maps[65536];
  size_t size = 0;
  ssize_t part;
  const int fd = open("/proc/self/maps", O_RDONLY);
  CHECK(fd >= 0);
  while ((part = read(fd, maps + size, sizeof(maps) - 1 - size)) > 0) size += (size_t)part;
  CHECK(part == 0 && close(fd) == 0);
  maps[size] = 0;
  return strstr(maps, "/memfd:libc.so.6") != NULL;
}

/* Whether many calls are answered without anybody else: each time one is waited for, the process sleeps. */
static int is_fast(void) {
  struct rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  look_often(kMany);
  getrusage(RUSAGE_SELF, &after);
  return after.ru_nvcsw - before.ru_nvcsw < kMany / 4;
}

static void become_fast(void) {
  CHECK(!has_code());
  look_often(kEnough + 1);
  CHECK(has_code());
  CHECK(is_fast());
}

static void wait_for(pid_t pid) {
  int status;
  CHECK(pid > 0);
  CHECK(waitpid(pid, &status, 0) == pid);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void nothing_is_left_open(void) {
  for (int fd = 3; fd < 64; ++fd) CHECK(fcntl(fd, F_GETFD) < 0);
}

static void works(void) {
  become_fast();
  nothing_is_left_open();
}

static volatile int signals_left = 150;

static void on_alarm(int number) {
  (void)number;
  look();
  const struct itimerval soon = {.it_value = {.tv_usec = 60}};
  if (--signals_left > 0) setitimer(ITIMER_REAL, &soon, NULL);
}

/* Signals whose handler makes the same call, while the fast path is put in. */
static void bears_signals(void) {
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  on_alarm(SIGALRM);
  while (signals_left > 0) look();
  CHECK(has_code());
  CHECK(is_fast());
  sigset_t blocked;
  CHECK(sigprocmask(SIG_SETMASK, NULL, &blocked) == 0);
  CHECK(!sigismember(&blocked, SIGALRM));
  nothing_is_left_open();
}

static void is_not_root(void) {
  struct stat s;
  CHECK(getuid() == kUser && geteuid() == kUser);
  CHECK(lstat(closed, &s) < 0 && errno == EACCES);
  CHECK(open(closed, O_RDONLY) < 0 && errno == EACCES);
}

/* The ids that it gives itself count at once, for it and for no one else. */
static void changes_ids(void) {
  struct stat s;
  become_fast();
  CHECK(lstat(closed, &s) == 0);
  const pid_t pid = fork();
  if (pid == 0) {
    look_often(kMany);
    CHECK(setuid(kUser) == 0);
    is_not_root();
    _exit(0);
  }
  wait_for(pid);
  CHECK(is_fast() && getuid() == 0 && lstat(closed, &s) == 0);
  CHECK(setuid(kUser) == 0);
  is_not_root();
}

/* Children of all kinds. */
static void forks(void) {
  look_often(kEnough);
  pid_t pid = fork();
  if (pid == 0) {
    look();
    CHECK(has_code() && is_fast());
    _exit(0);
  }
  wait_for(pid);
  CHECK(!has_code());
  pid = vfork();
  if (pid == 0) {
    look();
    _exit(0);
  }
  wait_for(pid);
  CHECK(!has_code());
  look();
}

static void* look_as_thread(void* unused) {
  (void)unused;
  look_often(kMany / 4);
  return NULL;
}

/* Who has threads before the fast path is there doesn't get it. */
static void has_threads(void) {
  pthread_t threads[4];
  look_often(kEnough);
  for (int i = 0; i < 4; ++i) CHECK(pthread_create(&threads[i], NULL, look_as_thread, NULL) == 0);
  for (int i = 0; i < 4; ++i) CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK(!has_code());
  look_often(kMany);
}

/* A filter of its own that forbids what puts the fast path in. */
static void has_filter(void) {
  const struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigprocmask, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getuid, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  const struct sock_fprog program = {sizeof(code) / sizeof(*code), (struct sock_filter*)code};
  const pid_t pid = fork();
  if (pid == 0) {
    look_often(kEnough);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    look_often(kMany);
    _exit(0);
  }
  wait_for(pid);
}

/* Who is traced is left alone. */
static void is_traced(void) {
  const pid_t pid = fork();
  if (pid == 0) {
    CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
    look_often(kMany);
    CHECK(!has_code());
    _exit(0);
  }
  wait_for(pid);
}

/* Asks for a line when the next call would get the fast path. */
static void waits(void) {
  char line[3];
  look_often(kEnough);
  CHECK(write(STDOUT_FILENO, "ready\n", 6) == 6);
  CHECK(read(STDIN_FILENO, line, sizeof(line)) == sizeof(line));
  look_often(kMany);
  puts(has_code() ? "fast" : "not fast");
}

/* Whatever happens to whom answers. */
static void goes_on(void) { look_often(kMany); }

static void stays_as_it_is(void) {
  look_often(kMany);
  CHECK(!has_code() && !is_fast());
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(void);
  } modes[] = {{"works", works},      {"signals", bears_signals}, {"ids", changes_ids},
               {"forks", forks},      {"threads", has_threads},   {"filter", has_filter},
               {"traced", is_traced}, {"waits", waits},           {"off", stays_as_it_is},
               {"any", goes_on}};
  CHECK(argc == 2);
  owner = geteuid();
  group = getegid();
  umask(0);
  CHECK(mkdir("folder", 0700) == 0 && close(open(closed, O_CREAT | O_WRONLY, 0600)) == 0);
  const int fd = open(file, O_CREAT | O_WRONLY, 0640);
  CHECK(fd >= 0 && ftruncate(fd, kSize) == 0 && close(fd) == 0);
  for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); ++i) {
    if (strcmp(modes[i].name, argv[1]) != 0) continue;
    modes[i].run();
    return 0;
  }
  CHECK(!"such a mode");
}
