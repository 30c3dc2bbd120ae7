// rename(2), unlink(2), rmdir(2): names that go.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "files/remove";

long Rename2(const char* from, const char* to, unsigned flags) {
  return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

BEHAVIOUR(kEach, "unlink takes names of all but folders") {
  WriteFile("f");
  OK(symlink(".", "l"));
  OK(mkfifo("p", 0600));
  MakeFolder("d");
  OK(unlink("f"));
  OK(unlink("l"));
  OK(unlink("p"));
  FAILS(EISDIR, unlink("d"));
  FAILS(EISDIR, unlink("."));
  FAILS(ENOENT, unlink("f"));
  FAILS(ENOENT, unlink(""));
  WriteFile("f");
  FAILS(ENOTDIR, unlink("f/"));
  FAILS(ENOTDIR, unlink("f/x"));
  FAILS(EFAULT, syscall(SYS_unlink, 8));
  FAILS(EINVAL, unlinkat(AT_FDCWD, "f", 0x4000000));
  FAILS(EBADF, unlinkat(99, "f", 0));
  FAILS(ENAMETOOLONG, unlink(Long(256).c_str()));
  OK(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
}

BEHAVIOUR(kEach, "rmdir takes empty folders") {
  MakeFolder("d");
  WriteFile("d/f");
  WriteFile("f");
  OK(symlink("d", "l"));
  FAILS(ENOTEMPTY, rmdir("d"));
  FAILS(ENOTDIR, rmdir("f"));
  FAILS(ENOTDIR, rmdir("l"));
  FAILS(ENOENT, rmdir("none"));
  FAILS(EINVAL, rmdir("d/."));
  FAILS(ENOTEMPTY, rmdir("d/.."));
  OK(unlink("d/f"));
  OK(rmdir("d/"));
  FAILS(EBUSY, rmdir("/"));
}

BEHAVIOUR(kRoot, "removing a name needs its folder, not the file") {
  MakeFolder("closed", 0755);
  WriteFile("closed/f", "", 0666);
  MakeFolder("closed/d", 0777);
  Own("closed/d", kUser, kUser);
  MakeFolder("open", 0777);
  WriteFile("open/f", "", 0000);
  MakeFolder("open/d", 0700);
  As(kUser, [] {
    FAILS(EACCES, unlink("closed/f"));
    FAILS(EACCES, rmdir("closed/d"));
    FAILS(ENOENT, unlink("closed/none"));
    FAILS(EACCES, rename("closed/f", "open/g"));
    FAILS(EACCES, rename("open/f", "closed/g"));
    OK(rename("open/f", "open/g"));
    OK(unlink("open/g"));
    OK(rmdir("open/d"));
  });
}

BEHAVIOUR(kRoot, "in a sticky folder names belong to the file's owner, and to the folder's") {
  MakeFolder("t", 01777);
  const auto make = [] {
    WriteFile("t/f", "", 0666);
    Own("t/f", kOther, kOther);
    if (access("t/d", F_OK) != 0) MakeFolder("t/d", 0777);
    Own("t/d", kOther, kOther);
  };
  make();
  As(kUser, [] {
    FAILS(EPERM, unlink("t/f"));
    FAILS(EPERM, rmdir("t/d"));
    FAILS(EPERM, rename("t/f", "t/g"));
    WriteFile("t/own");
    FAILS(EPERM, rename("t/own", "t/f"));
    FAILS(EPERM, Rename2("t/own", "t/f", RENAME_EXCHANGE));
    OK(rename("t/own", "t/own2"));
    OK(unlink("t/own2"));
  });
  As(kOther, [] {
    OK(unlink("t/f"));
    OK(rmdir("t/d"));
  });
  make();
  Own("t", kUser, kUser);
  SAME(01777, ModeOf("t"));
  As(kUser, [] {
    OK(unlink("t/f"));
    OK(rmdir("t/d"));
  });
}

BEHAVIOUR(kEach, "rename replaces what is of the same kind") {
  WriteFile("f", "f", 0600);
  WriteFile("g", "g", 0640);
  MakeFolder("d");
  MakeFolder("e", 0711);
  MakeFolder("full");
  WriteFile("full/f");
  OK(rename("f", "g"));
  SAME("f", ReadFile("g"));
  SAME(0600, ModeOf("g"));
  OK(rename("d", "e"));
  SAME(0755, ModeOf("e"));
  FAILS(ENOENT, rename("d", "x"));
  FAILS(EISDIR, rename("g", "e"));
  FAILS(ENOTDIR, rename("e", "g"));
  FAILS(ENOTEMPTY, rename("e", "full"));
  FAILS(EINVAL, rename("full", "full/sub"));
  FAILS(ENOTDIR, rename("g", "x/"));
  OK(rename("e", "x/"));
  FAILS(EBUSY, rename("x", "."));
  FAILS(EBUSY, rename(".", "y"));
  FAILS(EBUSY, rename("x/..", "y"));
  FAILS(ENOENT, rename("", "y"));
  FAILS(EFAULT, syscall(SYS_rename, 8, "y"));
  FAILS(EFAULT, syscall(SYS_rename, "x", 8));
  FAILS(ENAMETOOLONG, rename("x", Long(256).c_str()));
  FAILS(EXDEV, rename("g", "/dev/shm/g"));
  OK(link("g", "h"));
  OK(rename("g", "h"));
  SAME(2, StatOf("g").st_nlink);
}

BEHAVIOUR(kEach, "rename takes a link itself") {
  WriteFile("f");
  OK(symlink("f", "l"));
  OK(rename("l", "m"));
  SAME("f", ReadLink("m"));
  OK(rename("m", "f"));
  SAME("f", ReadLink("f"));
}

BEHAVIOUR(kEach, "renameat2 replaces nothing, or exchanges") {
  WriteFile("f", "f");
  WriteFile("g", "g", 0600);
  MakeFolder("d");
  FAILS(EEXIST, Rename2("f", "g", RENAME_NOREPLACE));
  FAILS(EEXIST, Rename2("f", "f", RENAME_NOREPLACE));
  OK(Rename2("f", "h", RENAME_NOREPLACE));
  OK(Rename2("g", "h", RENAME_EXCHANGE));
  SAME("f", ReadFile("g"));
  SAME(0600, ModeOf("h"));
  OK(Rename2("h", "d", RENAME_EXCHANGE));
  SAME(S_IFDIR, StatOf("h").st_mode & S_IFMT);
  FAILS(ENOENT, Rename2("h", "none", RENAME_EXCHANGE));
  FAILS(EINVAL, Rename2("g", "h", RENAME_EXCHANGE | RENAME_NOREPLACE));
  FAILS(EINVAL, Rename2("g", "h", 0x4000000));
}

BEHAVIOUR(kRoot, "a whiteout is left behind as a device 0:0") {
  WriteFile("f");
  if (Rename2("f", "g", RENAME_WHITEOUT) != 0 && errno == EINVAL) SKIP("this file system has no whiteouts");
  const struct stat s = StatOf("f");
  SAME(S_IFCHR, s.st_mode & S_IFMT);
  SAME(makedev(0, 0), s.st_rdev);
  SAME(S_IFREG | 0644, StatOf("g").st_mode);
}

BEHAVIOUR(kRoot, "a folder that gets another parent has to be writable itself") {
  MakeFolder("open", 0777);
  MakeFolder("to", 0777);
  MakeFolder("open/closed", 0755);
  MakeFolder("open/open", 0777);
  As(kUser, [] {
    FAILS(EACCES, rename("open/closed", "to/closed"));
    OK(rename("open/closed", "open/renamed"));
    OK(rename("open/open", "to/open"));
  });
}

BEHAVIOUR(kRoot, "owners, modes and special bits survive a rename") {
  WriteFile("f");
  Own("f", 5, 6);
  OK(chmod("f", 04711));
  OK(symlink("x", "l"));
  Own("l", 7, 8);
  OK(mknod("c", S_IFCHR | 0601, makedev(1, 3)));
  Own("c", 9, 10);
  MakeFolder("d");
  for (const char* name : {"f", "l", "c"}) OK(rename(name, (std::string("d/") + name).c_str()));
  SAME(S_IFREG | 04711, StatOf("d/f").st_mode);
  SAME(5, StatOf("d/f").st_uid);
  SAME(7, StatOf("d/l").st_uid);
  SAME(S_IFCHR | 0601, StatOf("d/c").st_mode);
  SAME(10, StatOf("d/c").st_gid);
  SAME(makedev(1, 3), StatOf("d/c").st_rdev);
}

BEHAVIOUR(kRoot, "a file made in place of a removed one is new") {
  for (int i = 0; i < 50; ++i) {
    OK(symlink("x", "l"));
    Own("l", 7, 8);
    OK(unlink("l"));
    OK(symlink("x", "l"));
    SAME(0, StatOf("l").st_uid);
    OK(unlink("l"));
    OK(mknod("c", S_IFCHR | 0600, makedev(1, 3)));
    OK(unlink("c"));
    OK(mknod("c", S_IFSOCK | 0640, 0));
    SAME(S_IFSOCK | 0640, StatOf("c").st_mode);
    OK(unlink("c"));
  }
}

BEHAVIOUR(kRoot, "another mount is EXDEV before anything is asked about rights") {
  MakeFolder("d", 01777);
  WriteFile("d/f", "", 0600);
  As(kUser, [] {
    FAILS(EXDEV, rename("d/f", "/dev/shm/g"));
    FAILS(EXDEV, link("d/f", "/dev/shm/g"));
    FAILS(EXDEV, rename("d/f", "/proc/g"));
  });
}

}  // namespace
}  // namespace wslm::conformance
