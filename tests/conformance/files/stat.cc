// stat(2), statx(2), access(2), readlink(2), statfs(2): asking about files.
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "files/stat";

long StatX(int folder, const char* path, int flags, unsigned mask, struct statx* out) {
  return syscall(SYS_statx, folder, path, flags, mask, out);
}
long AccessAt2(int folder, const char* path, int mode, int flags) {
  return syscall(SYS_faccessat2, folder, path, mode, flags);
}

BEHAVIOUR(kEach, "a file's owner, mode, size and links are told") {
  WriteFile("f", "text", 0640);
  OK(link("f", "g"));
  struct stat s = StatOf("f");
  SAME(S_IFREG | 0640, s.st_mode);
  SAME(getuid(), s.st_uid);
  SAME(getgid(), s.st_gid);
  SAME(4, s.st_size);
  SAME(2, s.st_nlink);
  OK(fstatat(AT_FDCWD, "f", &s, 0));
  SAME(S_IFREG | 0640, s.st_mode);
  const int fd = OK(open("f", O_RDONLY));
  OK(fstat(fd, &s));
  SAME(S_IFREG | 0640, s.st_mode);
  struct stat by_fd;
  OK(syscall(SYS_newfstatat, fd, "", &by_fd, AT_EMPTY_PATH));
  SAME(s.st_ino, by_fd.st_ino);
  FAILS(ENOENT, syscall(SYS_newfstatat, fd, "", &by_fd, 0));
}

BEHAVIOUR(kRoot, "all views of a file that is another's agree") {
  WriteFile("f", "", 04711);
  Own("f", 7, 8);
  OK(chmod("f", 06711));
  const auto check = [] {
    struct stat s;
    OK(stat("f", &s));
    SAME(S_IFREG | 06711, s.st_mode);
    SAME(7, s.st_uid);
    SAME(8, s.st_gid);
    const int fd = OK(open("f", O_PATH));
    OK(fstat(fd, &s));
    SAME(S_IFREG | 06711, s.st_mode);
    SAME(8, s.st_gid);
    struct statx x;
    OK(StatX(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &x));
    SAME(S_IFREG | 06711, x.stx_mode);
    SAME(7, x.stx_uid);
    SAME(8, x.stx_gid);
    OK(StatX(fd, "", AT_EMPTY_PATH, STATX_UID, &x));
    SAME(7, x.stx_uid);
    OK(StatX(AT_FDCWD, ("/proc/self/fd/" + std::to_string(fd)).c_str(), 0, STATX_UID, &x));
    SAME(7, x.stx_uid);
    OK(StatX(AT_FDCWD, ("/dev/fd/" + std::to_string(fd)).c_str(), 0, STATX_GID, &x));
    SAME(8, x.stx_gid);
  };
  check();
  As(kUser, check);
}

BEHAVIOUR(kEach, "statx answers what its mask asks for") {
  WriteFile("f", "text");
  Own("f", getuid(), kSharedGroup);
  struct statx x;
  OK(StatX(AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &x));
  SAME(STATX_BASIC_STATS | STATX_BTIME, x.stx_mask & (STATX_BASIC_STATS | STATX_BTIME));
  SAME(4, x.stx_size);
  SAME(kSharedGroup, x.stx_gid);
  OK(StatX(AT_FDCWD, "f", AT_STATX_DONT_SYNC, 0, &x));
  OK(StatX(AT_FDCWD, "f", AT_STATX_FORCE_SYNC, STATX_SIZE, &x));
  SAME(4, x.stx_size);
  FAILS(EINVAL, StatX(AT_FDCWD, "f", AT_STATX_SYNC_TYPE, STATX_SIZE, &x));
  FAILS(EINVAL, StatX(AT_FDCWD, "f", 0x4000000, STATX_SIZE, &x));
  FAILS(EINVAL, StatX(AT_FDCWD, "f", 0, STATX__RESERVED, &x));
  FAILS(ENOENT, StatX(AT_FDCWD, "", 0, STATX_SIZE, &x));
  FAILS(EFAULT, StatX(AT_FDCWD, "f", 0, STATX_SIZE, reinterpret_cast<struct statx*>(8)));
}

BEHAVIOUR(kEach, "statx of a descriptor needs no path") {
  WriteFile("f", "text", 0604);
  const int fd = OK(open("f", O_RDONLY));
  struct statx x;
  OK(StatX(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x));
  SAME(S_IFREG | 0604, x.stx_mode);
  FAILS(EBADF, StatX(99, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x));
  OK(StatX(AT_FDCWD, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x));
  SAME(S_IFDIR | 0755, x.stx_mode);
}

BEHAVIOUR(kEach, "a link is told of itself or of what it leads to") {
  WriteFile("f", "text", 0600);
  OK(symlink("f", "l"));
  struct stat s;
  OK(stat("l", &s));
  SAME(S_IFREG | 0600, s.st_mode);
  OK(lstat("l", &s));
  SAME(S_IFLNK | 0777, s.st_mode);
  SAME(1, s.st_size);
  SAME(getuid(), s.st_uid);
  OK(fstatat(AT_FDCWD, "l", &s, AT_SYMLINK_NOFOLLOW));
  SAME(S_IFLNK | 0777, s.st_mode);
  FAILS(ENOTDIR, lstat("l/", &s));
  OK(symlink(".", "d"));
  OK(lstat("d/", &s));
  SAME(S_IFDIR | 0755, s.st_mode);
}

BEHAVIOUR(kEach, "what can't be found or written to is told") {
  struct stat s;
  FAILS(ENOENT, stat("none", &s));
  FAILS(ENOENT, stat("", &s));
  FAILS(EFAULT, syscall(SYS_stat, 8, &s));
  FAILS(EFAULT, syscall(SYS_stat, ".", 8));
  FAILS(EFAULT, syscall(SYS_fstat, 0, 8));
  FAILS(EBADF, fstat(99, &s));
  FAILS(EBADF, fstatat(99, "f", &s, 0));
  FAILS(EINVAL, syscall(SYS_newfstatat, AT_FDCWD, ".", &s, 0x4000000));
  FAILS(ENAMETOOLONG, stat(Long(256).c_str(), &s));
  FAILS(ENAMETOOLONG, stat(Long(4096).c_str(), &s));
  OK(symlink("l", "l"));
  FAILS(ELOOP, stat("l", &s));
}

BEHAVIOUR(kRoot, "a file below a folder that isn't to be searched is EACCES") {
  MakeFolder("closed", 0700);
  WriteFile("closed/f");
  As(kUser, [] {
    struct stat s;
    FAILS(EACCES, stat("closed/f", &s));
    FAILS(EACCES, lstat("closed/none", &s));
    OK(stat("closed", &s));
    struct statx x;
    FAILS(EACCES, StatX(AT_FDCWD, "closed/f", 0, STATX_SIZE, &x));
    FAILS(EACCES, access("closed/f", F_OK));
    char buffer[9];
    FAILS(EACCES, readlink("closed/f", buffer, 9));
    struct statfs fs;
    FAILS(EACCES, statfs("closed/f", &fs));
  });
}

BEHAVIOUR(kUsers, "access asks for each right") {
  WriteFile("f", "", 0400);
  OK(access("f", F_OK));
  OK(access("f", R_OK));
  FAILS(EACCES, access("f", W_OK));
  FAILS(EACCES, access("f", X_OK));
  FAILS(EACCES, access("f", R_OK | W_OK));
  FAILS(EINVAL, access("f", 8));
  FAILS(ENOENT, access("none", R_OK));
  OK(access(".", R_OK | W_OK | X_OK));
  OK(AccessAt2(AT_FDCWD, "f", R_OK, AT_EACCESS));
  FAILS(EACCES, AccessAt2(AT_FDCWD, "f", W_OK, AT_EACCESS));
  FAILS(EINVAL, AccessAt2(AT_FDCWD, "f", R_OK, 0x4000000));
}

BEHAVIOUR(kRoot, "root may read and write all, and run what somebody may") {
  WriteFile("f", "", 0000);
  Own("f", kUser, kUser);
  OK(access("f", R_OK | W_OK));
  FAILS(EACCES, access("f", X_OK));
  OK(chmod("f", 0001));
  OK(access("f", X_OK));
  MakeFolder("d", 0000);
  OK(access("d", R_OK | W_OK | X_OK));
}

BEHAVIOUR(kRoot, "access asks for the real ids, with AT_EACCESS for the effective") {
  WriteFile("f", "", 0600);
  WriteFile("own", "", 0600);
  Own("own", kUser, kUser);
  InChild([] {
    OK(syscall(SYS_setresuid, kUser, 0, 0));
    FAILS(EACCES, access("f", R_OK));
    OK(access("own", R_OK));
    OK(AccessAt2(AT_FDCWD, "f", R_OK, AT_EACCESS));
  });
  InChild([] {
    OK(syscall(SYS_setresuid, 0, kUser, 0));
    OK(access("f", R_OK));
    FAILS(EACCES, AccessAt2(AT_FDCWD, "f", R_OK, AT_EACCESS));
    OK(AccessAt2(AT_FDCWD, "own", R_OK, AT_EACCESS));
  });
}

BEHAVIOUR(kEach, "access knows links and descriptors") {
  WriteFile("f", "", 0600);
  OK(symlink("none", "l"));
  FAILS(ENOENT, access("l", F_OK));
  OK(AccessAt2(AT_FDCWD, "l", F_OK, AT_SYMLINK_NOFOLLOW));
  const int fd = OK(open("f", O_PATH));
  OK(AccessAt2(fd, "", R_OK, AT_EMPTY_PATH));
  FAILS(ENOENT, AccessAt2(fd, "", R_OK, 0));
}

BEHAVIOUR(kEach, "readlink tells the text, cut where there is no room") {
  OK(symlink("some/where", "l"));
  char buffer[99];
  SAME(10, readlink("l", buffer, sizeof(buffer)));
  SAME(4, readlink("l", buffer, 4));
  FAILS(EINVAL, syscall(SYS_readlink, "l", buffer, 0));
  FAILS(EFAULT, syscall(SYS_readlink, "l", 8, 9));
  WriteFile("f");
  FAILS(EINVAL, readlink("f", buffer, sizeof(buffer)));
  FAILS(EINVAL, readlink(".", buffer, sizeof(buffer)));
  FAILS(ENOENT, readlink("none", buffer, sizeof(buffer)));
  FAILS(ENOENT, readlink("", buffer, sizeof(buffer)));
  const int fd = OK(open("l", O_PATH | O_NOFOLLOW));
  SAME(10, readlinkat(fd, "", buffer, sizeof(buffer)));
  FAILS(EBADF, readlinkat(99, "l", buffer, sizeof(buffer)));
}

BEHAVIOUR(kEach, "statfs tells of the file system, by path and descriptor") {
  struct statfs fs, by_fd;
  OK(statfs(".", &fs));
  OK(fstatfs(OK(open(".", O_RDONLY)), &by_fd));
  SAME(fs.f_type, by_fd.f_type);
  FAILS(ENOENT, statfs("none", &fs));
  FAILS(EFAULT, syscall(SYS_statfs, ".", 8));
}

BEHAVIOUR(kRoot, "a device has its number") {
  OK(mknod("c", S_IFCHR | 0640, makedev(1, 3)));
  OK(mknod("b", S_IFBLK | 0600, makedev(259, 70000)));
  struct stat s = StatOf("c");
  SAME(S_IFCHR | 0640, s.st_mode);
  SAME(makedev(1, 3), s.st_rdev);
  SAME(makedev(259, 70000), StatOf("b").st_rdev);
  struct statx x;
  OK(StatX(AT_FDCWD, "b", 0, STATX_BASIC_STATS, &x));
  SAME(259, x.stx_rdev_major);
  SAME(70000, x.stx_rdev_minor);
  SAME(S_IFBLK | 0600, x.stx_mode);
}

BEHAVIOUR(kRoot, "a link leads users where they may go themselves") {
  // Not below the sticky folder that the test is in.
  const std::string closed = "/root/conformance-closed", secret = "/etc/conformance-secret";
  const std::string plain = "/etc/conformance-plain";
  WriteFile(closed, "text", 0644);
  WriteFile(secret, "text", 0600);
  WriteFile(plain, "text", 0644);
  OK(symlink(closed.c_str(), "closed"));
  OK(symlink(secret.c_str(), "secret"));
  OK(symlink(plain.c_str(), "plain"));
  const ino_t inode = StatOf(plain).st_ino;
  As(kUser, [&] {
    struct stat s;
    FAILS(EACCES, stat("closed", &s));
    FAILS(EACCES, access("closed", F_OK));
    FAILS(EACCES, open("closed", O_RDONLY));
    OK(stat("secret", &s));
    SAME(S_IFREG | 0600, s.st_mode);
    FAILS(EACCES, access("secret", R_OK));
    FAILS(EACCES, open("secret", O_RDONLY));
    OK(stat("plain", &s));
    SAME(inode, s.st_ino);
    SAME(0, s.st_uid);
    OK(access("plain", R_OK));
    FAILS(EACCES, access("plain", W_OK));
    SAME("text", ReadFile("plain"));
    FAILS(EACCES, open("plain", O_WRONLY));
    SAME(S_IFLNK, StatOf("plain").st_mode & S_IFMT);
  });
  OK(unlink(plain.c_str()));
  As(kUser, [] {
    struct stat s;
    FAILS(ENOENT, stat("plain", &s));
  });
  OK(unlink(closed.c_str()));
  OK(unlink(secret.c_str()));
}

}  // namespace
}  // namespace wslm::conformance
