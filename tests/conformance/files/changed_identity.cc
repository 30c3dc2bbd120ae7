// What a process may do with files follows its identity at once, in each thread by itself, and wrong addresses are
// errors: whatever answers must not remember too much.
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <thread>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "files/identity";

// A folder that only root may search, with a file for all.
void MakeHidden() {
  MakeFolder("hidden", 0700);
  WriteFile("hidden/f", "text", 0644);
  WriteFile("secret", "text", 0600);
}

void SetAllIds(uid_t uid) { OK(syscall(SYS_setresuid, uid, uid, uid)); }

BEHAVIOUR(kRoot, "who gives up root may at once do less, and who takes it back more") {
  MakeHidden();
  struct stat s;
  OK(stat("hidden/f", &s));
  SAME(0u, getuid());
  InChild([] {
    struct stat s;
    OK(seteuid(kUser));
    SAME(0u, getuid());
    SAME(kUser, geteuid());
    FAILS(EACCES, stat("hidden/f", &s));
    FAILS(EACCES, open("secret", O_RDONLY));
    OK(access("secret", R_OK));  // by the real id
    OK(seteuid(0));
    OK(stat("hidden/f", &s));
    OK(setuid(kUser));
    SAME(kUser, getuid());
    FAILS(EACCES, stat("hidden/f", &s));
    FAILS(EACCES, access("secret", R_OK));
    FAILS(EPERM, setuid(0));
  });
  OK(stat("hidden/f", &s));
}

BEHAVIOUR(kRoot, "a thread's own ids are its own") {
  MakeHidden();
  struct stat s;
  OK(stat("hidden/f", &s));
  std::thread([] {
    struct stat s;
    SetAllIds(kUser);
    SAME(kUser, getuid());
    FAILS(EACCES, stat("hidden/f", &s));
    FAILS(EACCES, open("secret", O_RDONLY));
  }).join();
  SAME(0u, getuid());
  OK(stat("hidden/f", &s));
  OK(open("secret", O_RDONLY));
}

BEHAVIOUR(kRoot, "a child that shares its parent's memory has ids of its own") {
  MakeHidden();
  struct stat s;
  OK(stat("hidden/f", &s));
  const pid_t child = vfork();
  if (child == 0) {
    syscall(SYS_setresuid, kUser, kUser, kUser);
    const int refused = stat("hidden/f", &s) == -1 && getuid() == kUser;
    _exit(refused ? 0 : 1);
  }
  int status;
  OK(waitpid(child, &status, 0));
  SAME(0, status);
  SAME(0u, getuid());
  OK(stat("hidden/f", &s));
}

BEHAVIOUR(kRoot, "a folder that is closed meanwhile is closed to who was in it") {
  MakeFolder("open", 0755);
  MakeFolder("open/in", 0755);
  WriteFile("open/in/f", "text", 0644);
  int go[2], ready[2];
  OK(pipe(go));
  OK(pipe(ready));
  const pid_t child = OK(fork());
  char byte = 0;
  if (child == 0) {
    struct stat s;
    SetAllIds(kUser);
    for (int i = 0; i < 3; ++i) OK(stat("open/in/f", &s));
    OK(write(ready[1], &byte, 1));
    OK(read(go[0], &byte, 1));
    const bool refused = stat("open/in/f", &s) == -1 && open("open/in/f", O_RDONLY) == -1;
    _exit(refused ? 0 : 1);
  }
  OK(read(ready[0], &byte, 1));
  OK(chmod("open/in", 0700));
  OK(write(go[1], &byte, 1));
  int status;
  OK(waitpid(child, &status, 0));
  SAME(0, status);
}

BEHAVIOUR(kEach, "a wrong address is EFAULT, not the end of the program") {
  WriteFile("f", "text");
  OK(symlink("f", "link"));
  // Not known to the compiler, which would warn.
  volatile uintptr_t numbers[] = {1, static_cast<uintptr_t>(-1)};
  struct stat s;
  for (uintptr_t number : numbers) {
    char* wrong = reinterpret_cast<char*>(number);
    FAILS(EFAULT, stat(wrong, &s));
    FAILS(EFAULT, stat("f", reinterpret_cast<struct stat*>(wrong)));
    FAILS(EFAULT, open(wrong, O_RDONLY));
    FAILS(EFAULT, access(wrong, R_OK));
    FAILS(EFAULT, readlink("link", wrong, 10));
    FAILS(EFAULT, unlink(wrong));
  }
}

BEHAVIOUR(kEach, "a new file is the maker's with the mode less the umask") {
  for (mode_t mode : {0644, 0600, 0777, 0400, 0666}) {
    umask(027);
    const int fd = OK(open("f", O_CREAT | O_EXCL | O_WRONLY, mode));
    umask(022);
    struct stat s;
    OK(fstat(fd, &s));
    SAME(S_IFREG | (mode & ~027), s.st_mode);
    SAME(geteuid(), s.st_uid);
    SAME(getegid(), s.st_gid);
    SAME(S_IFREG | (mode & ~027), StatOf("f").st_mode);
    FAILS(EEXIST, open("f", O_CREAT | O_EXCL | O_WRONLY, mode));
    OK(unlink("f"));
  }
  OK(symlink("nowhere", "dangling"));
  OK(open("dangling", O_CREAT | O_WRONLY, 0644));
  SAME(S_IFREG | 0644, StatOf("nowhere").st_mode);
}

}  // namespace
}  // namespace wslm::conformance
