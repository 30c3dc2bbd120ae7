// utimensat(2) and its elders, truncate(2): who may, and what is told.
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <utime.h>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "files/times";

const timespec kNow[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
const timespec kThen[2] = {{1000, 5}, {2000, 7}};
const timespec kOmit[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};

BEHAVIOUR(kEach, "times are set to the nanosecond, or left, or now") {
  WriteFile("f");
  OK(utimensat(AT_FDCWD, "f", kThen, 0));
  struct stat s = StatOf("f");
  SAME(1000, s.st_atim.tv_sec);
  SAME(5, s.st_atim.tv_nsec);
  SAME(2000, s.st_mtim.tv_sec);
  SAME(7, s.st_mtim.tv_nsec);
  const timespec first[2] = {{3000, 0}, {0, UTIME_OMIT}};
  OK(utimensat(AT_FDCWD, "f", first, 0));
  SAME(3000, StatOf("f").st_atim.tv_sec);
  SAME(2000, StatOf("f").st_mtim.tv_sec);
  OK(utimensat(AT_FDCWD, "f", kNow, 0));
  THAT(StatOf("f").st_mtim.tv_sec > 1'000'000'000);
  const int fd = OK(open("f", O_RDONLY));
  OK(futimens(fd, kThen));
  SAME(2000, StatOf("f").st_mtim.tv_sec);
}

BEHAVIOUR(kEach, "a link has times of its own") {
  WriteFile("f");
  OK(symlink("f", "l"));
  OK(utimensat(AT_FDCWD, "l", kThen, AT_SYMLINK_NOFOLLOW));
  SAME(2000, StatOf("l").st_mtim.tv_sec);
  THAT(StatOf("f").st_mtim.tv_sec > 1'000'000'000);
  OK(utimensat(AT_FDCWD, "l", kThen, 0));
  SAME(2000, StatOf("f").st_mtim.tv_sec);
}

BEHAVIOUR(kEach, "the older calls do as well") {
  WriteFile("f");
  const utimbuf times = {10, 20};
  OK(utime("f", &times));
  SAME(20, StatOf("f").st_mtim.tv_sec);
  const timeval values[2] = {{30, 1}, {40, 2}};
  OK(syscall(SYS_utimes, "f", values));
  SAME(40, StatOf("f").st_mtim.tv_sec);
  SAME(2000, StatOf("f").st_mtim.tv_nsec);
  OK(syscall(SYS_futimesat, AT_FDCWD, "f", nullptr));
  THAT(StatOf("f").st_mtim.tv_sec > 1'000'000'000);
  OK(syscall(SYS_utime, "f", nullptr));
}

BEHAVIOUR(kEach, "what can't be is told") {
  WriteFile("f");
  FAILS(ENOENT, utimensat(AT_FDCWD, "none", kNow, 0));
  FAILS(ENOENT, utimensat(AT_FDCWD, "", kThen, 0));
  FAILS(ENOTDIR, utimensat(AT_FDCWD, "f/x", kThen, 0));
  FAILS(EFAULT, syscall(SYS_utimensat, AT_FDCWD, 8, kThen, 0));
  FAILS(EFAULT, syscall(SYS_utimensat, AT_FDCWD, "f", 8, 0));
  FAILS(EINVAL, utimensat(AT_FDCWD, "f", kThen, 0x4000000));
  const timespec wrong[2] = {{0, -1}, {0, 0}};
  FAILS(EINVAL, utimensat(AT_FDCWD, "f", wrong, 0));
  FAILS(EBADF, syscall(SYS_utimensat, 99, nullptr, kThen, 0));
  FAILS(EFAULT, syscall(SYS_utimensat, AT_FDCWD, nullptr, kThen, 0));
  // Nothing is to be set, so nothing is looked for.
  OK(utimensat(AT_FDCWD, "none", kOmit, 0));
}

BEHAVIOUR(kRoot, "now is for who may write, any other time for the owner") {
  WriteFile("write", "", 0666);
  WriteFile("read", "", 0644);
  MakeFolder("closed", 0700);
  WriteFile("closed/f", "", 0666);
  As(kUser, [] {
    OK(utimensat(AT_FDCWD, "write", nullptr, 0));
    OK(utimensat(AT_FDCWD, "write", kNow, 0));
    FAILS(EPERM, utimensat(AT_FDCWD, "write", kThen, 0));
    FAILS(EACCES, utimensat(AT_FDCWD, "read", nullptr, 0));
    FAILS(EPERM, utimensat(AT_FDCWD, "read", kThen, 0));
    const timespec half[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
    FAILS(EPERM, utimensat(AT_FDCWD, "write", half, 0));
    FAILS(EACCES, utimensat(AT_FDCWD, "closed/f", nullptr, 0));
    FAILS(EACCES, utime("closed/f", nullptr));
    FAILS(EPERM, futimens(OK(open("write", O_RDWR)), kThen));
  });
  Own("read", kUser, kUser);
  OK(chmod("read", 0000));
  As(kUser, [] {
    OK(utimensat(AT_FDCWD, "read", kThen, 0));
    OK(utimensat(AT_FDCWD, "read", nullptr, 0));
  });
}

BEHAVIOUR(kEach, "truncate cuts and stretches") {
  WriteFile("f", "text");
  OK(truncate("f", 2));
  SAME("te", ReadFile("f"));
  OK(truncate("f", 3));
  SAME(3, StatOf("f").st_size);
  FAILS(EINVAL, truncate("f", -1));
  FAILS(EISDIR, truncate(".", 0));
  FAILS(ENOENT, truncate("none", 0));
  FAILS(ENOTDIR, truncate("f/x", 0));
  FAILS(EFAULT, syscall(SYS_truncate, 8, 0));
  FAILS(EINVAL, ftruncate(OK(open("f", O_RDONLY)), 0));
  FAILS(EBADF, ftruncate(99, 0));
}

BEHAVIOUR(kRoot, "truncate needs the right to write") {
  WriteFile("f", "text", 0644);
  As(kUser, [] { FAILS(EACCES, truncate("f", 0)); });
  SAME("text", ReadFile("f"));
}

}  // namespace
}  // namespace wslm::conformance
