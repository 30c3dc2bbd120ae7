// Which of several errors comes first: what can't be, whoever asks for it, before who may do it.
#include <fcntl.h>
#include <linux/stat.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/xattr.h>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "files/errors";

BEHAVIOUR(kRoot, "a folder is not opened for writing, whoever may read it") {
  MakeFolder("d", 0700);
  As(kUser, [] {
    for (int flags : {O_WRONLY, O_RDWR, O_CREAT | O_RDONLY, O_TRUNC | O_RDONLY}) FAILS(EISDIR, open("d", flags, 0600));
    FAILS(EACCES, open("d", O_RDONLY));
    FAILS(EINVAL, open("d", O_TMPFILE | O_RDONLY, 0600));
  });
}

BEHAVIOUR(kRoot, "what is no folder is none, whoever may read it") {
  WriteFile("f", "text", 0600);
  As(kUser, [] {
    FAILS(ENOTDIR, open("f", O_RDONLY | O_DIRECTORY));
    const int watch = OK(inotify_init());
    FAILS(ENOTDIR, inotify_add_watch(watch, "f", IN_ACCESS | IN_ONLYDIR));
    FAILS(EACCES, inotify_add_watch(watch, "f", IN_ACCESS));
    FAILS(ENOTDIR, chroot("f"));
    FAILS(ENOENT, chroot("none"));
    FAILS(EPERM, chroot("/"));
    FAILS(ENOENT, umount2("none", 0));
    FAILS(EPERM, umount2("f", 0));
  });
}

BEHAVIOUR(kRoot, "another's file is not cut to a negative length, a pipe to none") {
  WriteFile("f");
  OK(mkfifo("p", 0600));
  As(kUser, [] {
    FAILS(EINVAL, truncate("f", -1));
    FAILS(EINVAL, truncate("p", 0));
    FAILS(EACCES, truncate("f", 0));
  });
}

BEHAVIOUR(kRoot, "times that are none are set on no file") {
  WriteFile("f");
  As(kUser, [] {
    const timespec bad[2] = {{0, 2'000'000'000}, {0, 0}}, good[2] = {{1, 0}, {1, 0}};
    FAILS(EINVAL, utimensat(AT_FDCWD, "f", bad, 0));
    FAILS(EINVAL, utimensat(AT_FDCWD, "f", nullptr, 1));
    FAILS(ENOENT, utimensat(AT_FDCWD, "none", bad, 0));
    FAILS(EPERM, utimensat(AT_FDCWD, "f", good, 0));
    const timeval wrong[2] = {{1, 2'000'000}, {1, 0}};
    FAILS(EINVAL, syscall(SYS_utimes, "f", wrong));
    FAILS(EINVAL, syscall(SYS_utimes, "none", wrong));
  });
}

BEHAVIOUR(kRoot, "flags that there are none of are told first") {
  MakeFolder("d", 0700);
  WriteFile("d/f");
  WriteFile("f");
  As(kUser, [] {
    FAILS(EINVAL, linkat(AT_FDCWD, "f", AT_FDCWD, "new", 1));
    FAILS(EINVAL, syscall(SYS_renameat2, AT_FDCWD, "d/f", AT_FDCWD, "new", 8));
    FAILS(EINVAL, syscall(SYS_renameat2, AT_FDCWD, "d/f", AT_FDCWD, "new", RENAME_NOREPLACE | RENAME_EXCHANGE));
    struct statx x;
    FAILS(EINVAL, syscall(SYS_statx, AT_FDCWD, "d/f", AT_STATX_SYNC_TYPE, STATX_BASIC_STATS, &x));
    FAILS(EINVAL, syscall(SYS_statx, AT_FDCWD, "d/f", 0, 0x80000000u, &x));
    char byte;
    FAILS(EINVAL, syscall(SYS_readlinkat, AT_FDCWD, "d/f", &byte, 0));
    char* const none[] = {nullptr};
    FAILS(EINVAL, syscall(SYS_execveat, AT_FDCWD, "d/f", none, none, 1));
  });
}

BEHAVIOUR(kRoot, "a name that is taken, the same file and a folder within itself are told before the sticky bit") {
  MakeFolder("d", 01777);
  WriteFile("d/f");
  WriteFile("d/g");
  MakeFolder("d/e");
  As(kUser, [] {
    OK(rename("d/f", "d/f"));
    FAILS(EEXIST, syscall(SYS_renameat2, AT_FDCWD, "d/f", AT_FDCWD, "d/g", RENAME_NOREPLACE));
    FAILS(EINVAL, rename("d/e", "d/e/x"));
    FAILS(EPERM, rename("d/f", "d/g"));
  });
}

BEHAVIOUR(kRoot, "a link has no mode and is no program") {
  WriteFile("f", "", 0755);
  OK(symlink("f", "l"));
  As(kUser, [] {
    char* const none[] = {nullptr};
    FAILS(ELOOP, syscall(SYS_execveat, AT_FDCWD, "l", none, none, AT_SYMLINK_NOFOLLOW));
    constexpr int kFChmodAt2 = 452;
    const long result = syscall(kFChmodAt2, AT_FDCWD, "l", 0600, AT_SYMLINK_NOFOLLOW);
    THAT(result < 0 && (errno == EOPNOTSUPP || errno == ENOSYS));
  });
}

BEHAVIOUR(kRoot, "values and kinds of attributes that are none are told before rights") {
  WriteFile("f");
  WriteFile("secret", "", 0600);
  OK(mkfifo("p", 0600));
  As(kUser, [] {
    char value;
    FAILS(EINVAL, setxattr("f", "security.capability", "v", 1, 0));
    FAILS(EINVAL, setxattr("f", "system.posix_acl_access", "v", 1, 0));
    FAILS(EOPNOTSUPP, setxattr("f", "system.none", "v", 1, 0));
    FAILS(EOPNOTSUPP, removexattr("f", "system.none"));
    OK(removexattr("f", "system.posix_acl_default"));
    FAILS(EACCES, getxattr("secret", "nokind.x", &value, 1));
    FAILS(EOPNOTSUPP, getxattr("f", "nokind.x", &value, 1));
    FAILS(ENODATA, getxattr("p", "user.x", &value, 1));
    FAILS(EACCES, getxattr("secret", "user.x", &value, 1));
  });
}

BEHAVIOUR(kEach, "a slash behind a new name follows no link, and one behind a name that goes asks for a folder") {
  OK(symlink("nowhere", "l"));
  WriteFile("f");
  MakeFolder("d");
  OK(symlink("d", "dl"));
  for (const char* name : {"l/", "f/", "dl/"}) {
    FAILS(EEXIST, mkdir(name, 0755));
    FAILS(EEXIST, symlink("x", name));
    FAILS(EEXIST, mknod(name, S_IFREG | 0600, 0));
    FAILS(EEXIST, link("f", name));
    FAILS(ENOTDIR, unlink(name));
    FAILS(ENOTDIR, rmdir(name));
    FAILS(ENOTDIR, rename(name, "new"));
  }
  FAILS(ENOENT, symlink("x", "none/"));
  FAILS(ENOENT, access("nowhere", F_OK));
  OK(mkdir("none/", 0755));
}

BEHAVIOUR(kEach, "everybody makes whiteouts") {
  OK(mknod("w", S_IFCHR | 0600, 0));
  SAME(S_IFCHR | 0600u, StatOf("w").st_mode);
  SAME(getuid(), StatOf("w").st_uid);
  SAME(0u, StatOf("w").st_rdev);
}

}  // namespace
}  // namespace wslm::conformance
