// mkdir(2), mknod(2), symlink(2), link(2), O_TMPFILE: new names, and whose they are.
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "files/make";

std::string ProcName(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

BEHAVIOUR(kEach, "whatever is made is its maker's, with the mode less the umask") {
  umask(0026);
  OK(mkdir("d", 01777));
  OK(mknod("f", 0666, 0));
  OK(mknod("r", S_IFREG | 04666, 0));
  OK(mkfifo("p", 0666));
  OK(mknod("s", S_IFSOCK | 0777, 0));
  OK(symlink("x", "l"));
  SAME(S_IFDIR | 01751, StatOf("d").st_mode);
  SAME(S_IFREG | 0640, StatOf("f").st_mode);
  SAME(S_IFREG | 04640, StatOf("r").st_mode);
  SAME(S_IFIFO | 0640, StatOf("p").st_mode);
  SAME(S_IFSOCK | 0751, StatOf("s").st_mode);
  SAME(S_IFLNK | 0777, StatOf("l").st_mode);
  for (const char* name : {"d", "f", "r", "p", "s", "l"}) {
    SAME(geteuid(), StatOf(name).st_uid);
    SAME(getegid(), StatOf(name).st_gid);
  }
}

BEHAVIOUR(kEach, "mkdir takes permission bits and the sticky bit only") {
  umask(0);
  OK(mkdir("d", 07777));
  SAME(01777, ModeOf("d"));
  OK(mkdir("none", 0));
  SAME(0, ModeOf("none"));
}

BEHAVIOUR(kEach, "a name that is there is EEXIST") {
  WriteFile("f");
  MakeFolder("d");
  OK(symlink("none", "l"));
  for (const char* name : {"f", "d", "l", ".", "..", "/", "d/.", "d/"}) {
    FAILS(EEXIST, mkdir(name, 0755));
    FAILS(EEXIST, mknod(name, S_IFREG | 0644, 0));
    FAILS(EEXIST, mkfifo(name, 0644));
    FAILS(EEXIST, symlink("x", name));
    FAILS(EEXIST, link("f", name));
  }
  FAILS(ENOENT, mkdir("l/d", 0755));
}

BEHAVIOUR(kEach, "a folder may be named with a slash at its end, a file not") {
  OK(mkdir("d/", 0755));
  OK(mkdir("d/e//", 0755));
  FAILS(ENOENT, mknod("f/", S_IFREG | 0644, 0));
  FAILS(ENOENT, symlink("x", "l/"));
  WriteFile("f");
  FAILS(ENOENT, link("f", "g/"));
}

BEHAVIOUR(kEach, "what is made nowhere is told") {
  WriteFile("f");
  FAILS(ENOENT, mkdir("none/d", 0755));
  FAILS(ENOENT, mkdir("", 0755));
  FAILS(ENOENT, mknod("none/f", S_IFREG, 0));
  FAILS(ENOENT, symlink("x", "none/l"));
  FAILS(ENOENT, symlink("", "l"));
  FAILS(ENOENT, symlink("x", ""));
  FAILS(ENOTDIR, mkdir("f/d", 0755));
  FAILS(ENOTDIR, mkfifo("f/p", 0644));
  FAILS(ENOTDIR, symlink("x", "f/l"));
  FAILS(EBADF, mkdirat(99, "d", 0755));
  FAILS(ENOTDIR, mkdirat(OK(open("f", O_RDONLY)), "d", 0755));
  FAILS(EFAULT, syscall(SYS_mkdir, 8, 0755));
  FAILS(EFAULT, syscall(SYS_mknod, 8, S_IFREG, 0));
  FAILS(EFAULT, syscall(SYS_symlink, 8, "l"));
  FAILS(EFAULT, syscall(SYS_symlink, "x", 8));
  FAILS(ENAMETOOLONG, mkdir(Long(256).c_str(), 0755));
  FAILS(ENAMETOOLONG, symlink("x", Long(256).c_str()));
  FAILS(ENAMETOOLONG, symlink(Long(4096).c_str(), "l"));
  OK(symlink(Long(4095).c_str(), "l"));
  OK(mkdir(Long(255).c_str(), 0755));
}

BEHAVIOUR(kEach, "mknod makes no folder, no link and nothing unknown") {
  FAILS(EPERM, mknod("d", S_IFDIR | 0755, 0));
  FAILS(EINVAL, mknod("l", S_IFLNK | 0777, 0));
  FAILS(EINVAL, mknod("x", 0150000, 0));
}

BEHAVIOUR(kUsers, "only root makes devices") {
  FAILS(EPERM, mknod("c", S_IFCHR | 0666, makedev(1, 3)));
  FAILS(EPERM, mknod("b", S_IFBLK | 0666, makedev(7, 0)));
}

BEHAVIOUR(kRoot, "a folder that isn't to be written is EACCES") {
  WriteFile("f", "", 0666);
  MakeFolder("d");
  WriteFile("d/f");
  As(kUser, [] {
    FAILS(EACCES, mkdir("d/x", 0755));
    FAILS(EACCES, mknod("d/x", S_IFREG | 0644, 0));
    FAILS(EACCES, mkfifo("d/x", 0644));
    FAILS(EACCES, symlink("x", "d/x"));
    FAILS(EACCES, link("f", "d/x"));
    // What is there comes first.
    FAILS(EEXIST, mkdir("d/f", 0755));
    FAILS(EEXIST, symlink("x", "d/f"));
  });
  Own("d", kUser, kUser);
  OK(chmod("d", 0555));
  As(kUser, [] { FAILS(EACCES, mkdir("d/x", 0755)); });
  OK(chmod("d", 0666));
  As(kUser, [] { FAILS(EACCES, mkdir("d/x", 0755)); });
}

BEHAVIOUR(kRoot, "in a set-gid folder the group comes from it") {
  MakeFolder("d");
  Own("d", 0, 77);
  OK(chmod("d", 02777));
  const auto make = [] {
    umask(0);
    WriteFile("d/f");
    OK(mkdir("d/d", 0755));
    OK(symlink("x", "d/l"));
    OK(mkfifo("d/p", 0600));
    for (const char* name : {"d/f", "d/d", "d/l", "d/p"}) SAME(77, StatOf(name).st_gid);
    SAME(02755, ModeOf("d/d"));
    SAME(geteuid(), StatOf("d/d").st_uid);
    OK(mkdir("d/d/d", 0700));
    SAME(02700, ModeOf("d/d/d"));
    for (const char* name : {"d/f", "d/l", "d/p"}) OK(unlink(name));
    OK(rmdir("d/d/d"));
    OK(rmdir("d/d"));
  };
  make();
  As(kUser, make);
  As(kOther, make);
}

BEHAVIOUR(kRoot, "a set-gid file of a group that its maker isn't in loses the bit where others may run it") {
  MakeFolder("d");
  Own("d", 0, 77);
  OK(chmod("d", 02777));
  As(kUser, [] {
    umask(0);
    OK(open("d/f", O_RDWR | O_CREAT, 02755));
    SAME(0755, ModeOf("d/f"));
    OK(open("d/g", O_RDWR | O_CREAT, 02745));
    OK(mknod("d/h", S_IFREG | 02755, 0));
    SAME(0755, ModeOf("d/h"));
  });
  OK(open("d/r", O_RDWR | O_CREAT, 02755));
  SAME(02755, ModeOf("d/r"));
}

BEHAVIOUR(kEach, "a hard link is the same file") {
  WriteFile("f", "text", 0600);
  OK(link("f", "g"));
  SAME(StatOf("f").st_ino, StatOf("g").st_ino);
  OK(chmod("g", 0640));
  SAME(0640, ModeOf("f"));
  OK(symlink("f", "l"));
  OK(link("l", "m"));
  SAME(S_IFLNK, StatOf("m").st_mode & S_IFMT);
  OK(linkat(AT_FDCWD, "l", AT_FDCWD, "n", AT_SYMLINK_FOLLOW));
  SAME(3, StatOf("f").st_nlink);
  FAILS(EPERM, link(".", "d"));
  FAILS(ENOENT, link("none", "x"));
  FAILS(ENOENT, link("f", "none/x"));
  FAILS(EEXIST, link("f", "g"));
  FAILS(EINVAL, linkat(AT_FDCWD, "f", AT_FDCWD, "x", 0x4000000));
  FAILS(EFAULT, syscall(SYS_link, 8, "x"));
  FAILS(EFAULT, syscall(SYS_link, "f", 8));
  FAILS(EXDEV, link("f", "/dev/shm/x"));
  FAILS(EXDEV, link("/proc/self/status", "x"));
}

BEHAVIOUR(kRoot, "a user links no file of another's that it may not write, or that is special") {
  WriteFile("write", "", 0666);
  WriteFile("read", "", 0644);
  WriteFile("setuid", "", 0666);
  OK(chmod("setuid", 04777));
  OK(mkfifo("fifo", 0666));
  OK(chmod("fifo", 0666));
  OK(symlink("write", "l"));
  MakeFolder("d", 0777);
  if (ReadFile("/proc/sys/fs/protected_hardlinks") != "1\n") SKIP("protected_hardlinks is off");
  As(kUser, [] {
    OK(link("write", "d/write"));
    FAILS(EPERM, link("read", "d/read"));
    FAILS(EPERM, link("setuid", "d/setuid"));
    FAILS(EPERM, link("fifo", "d/fifo"));
    FAILS(EPERM, link("l", "d/l"));
  });
  Own("read", kUser, kUser);
  OK(chmod("read", 04755));
  Own("l", kUser, kUser);
  As(kUser, [] {
    OK(link("read", "d/read"));
    OK(link("l", "d/l"));
  });
  OK(link("setuid", "d/setuid"));
}

BEHAVIOUR(kEach, "a file without a name gets one by linkat") {
  umask(022);
  const int fd = OK(open(".", O_TMPFILE | O_RDWR, 04755));
  OK(write(fd, "text", 4));
  struct stat s;
  OK(fstat(fd, &s));
  SAME(getuid(), s.st_uid);
  SAME(0, s.st_nlink);
  OK(linkat(AT_FDCWD, ProcName(fd).c_str(), AT_FDCWD, "f", AT_SYMLINK_FOLLOW));
  SAME("text", ReadFile("f"));
  SAME(getuid(), StatOf("f").st_uid);
  SAME(S_IFREG, StatOf("f").st_mode & S_IFMT);
  const int hidden = OK(open(".", O_TMPFILE | O_WRONLY | O_EXCL, 0600));
  FAILS(ENOENT, linkat(AT_FDCWD, ProcName(hidden).c_str(), AT_FDCWD, "g", AT_SYMLINK_FOLLOW));
  FAILS(EINVAL, open(".", O_TMPFILE | O_RDONLY, 0600));
  FAILS(ENOENT, open("none", O_TMPFILE | O_RDWR, 0600));
  FAILS(ENOTDIR, open("f", O_TMPFILE | O_RDWR, 0600));
}

BEHAVIOUR(kEach, "a file without a name has the mode it was made with") {
  umask(027);
  for (mode_t mode : {0600, 0666, 0400, 0000, 01666, 04777}) {
    struct stat s;
    OK(fstat(OK(open(".", O_TMPFILE | O_RDWR, mode)), &s));
    SAME(S_IFREG | (mode & ~027), s.st_mode);
    SAME(getgid(), s.st_gid);
  }
}

BEHAVIOUR(kRoot, "a file without a name needs a folder that may be written") {
  MakeFolder("d", 0755);
  As(kUser, [] { FAILS(EACCES, open("d", O_TMPFILE | O_RDWR, 0600)); });
  MakeFolder("e", 0777);
  As(kUser, [] {
    const int fd = OK(open("e", O_TMPFILE | O_RDWR, 0600));
    FAILS(EACCES, linkat(AT_FDCWD, ProcName(fd).c_str(), AT_FDCWD, "d/f", AT_SYMLINK_FOLLOW));
    OK(linkat(AT_FDCWD, ProcName(fd).c_str(), AT_FDCWD, "e/f", AT_SYMLINK_FOLLOW));
  });
}

BEHAVIOUR(kUsers, "linkat of a descriptor without a path is for root") {
  const int fd = OK(open(".", O_TMPFILE | O_RDWR, 0600));
  WriteFile("f");
  const int named = OK(open("f", O_RDONLY));
  // Since Linux 6.10 also for who opened it.
  if (linkat(fd, "", AT_FDCWD, "g", AT_EMPTY_PATH) != 0) {
    SAME(ENOENT, errno);
    FAILS(ENOENT, linkat(named, "", AT_FDCWD, "h", AT_EMPTY_PATH));
  } else {
    OK(linkat(named, "", AT_FDCWD, "h", AT_EMPTY_PATH));
  }
}

BEHAVIOUR(kRoot, "linkat of a descriptor without a path links it") {
  const int fd = OK(open(".", O_TMPFILE | O_RDWR, 0600));
  OK(linkat(fd, "", AT_FDCWD, "f", AT_EMPTY_PATH));
  SAME(1, StatOf("f").st_nlink);
  FAILS(ENOENT, linkat(fd, "", AT_FDCWD, "g", 0));
}

}  // namespace
}  // namespace wslm::conformance
