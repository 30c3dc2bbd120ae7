// chmod(2), chown(2): who may change owner and mode, and what goes with it.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "tests/conformance/conformance.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "files/owners";

// Made by root with all set-id bits, for group `gid`.
void MakeSetId(const char* path, uid_t uid, gid_t gid, mode_t mode = 06777) {
  WriteFile(path, "text");
  Own(path, uid, gid);
  OK(chmod(path, mode));
}

BEHAVIOUR(kEach, "chmod sets twelve bits and no more") {
  WriteFile("f");
  for (mode_t mode : {0000, 0001, 0020, 0400, 0644, 0777, 01644, 04755, 06711, 07777, 0100600}) {
    OK(chmod("f", mode));
    SAME(mode & 07777, ModeOf("f"));
  }
  MakeFolder("d");
  for (mode_t mode : {0000, 0500, 0755, 01777, 02775, 07700, 07777, 0755}) {
    OK(chmod("d", mode));
    SAME(mode, ModeOf("d"));
  }
  OK(mkfifo("p", 0600));
  OK(chmod("p", 01622));
  SAME(S_IFIFO | 01622, StatOf("p").st_mode);
}

BEHAVIOUR(kEach, "all calls that change a mode do") {
  WriteFile("f");
  const int fd = OK(open("f", O_RDONLY));
  OK(fchmod(fd, 0601));
  SAME(0601, ModeOf("f"));
  OK(syscall(SYS_fchmodat, AT_FDCWD, "f", 0602));
  SAME(0602, ModeOf("f"));
  const std::string path = "/proc/self/fd/" + std::to_string(OK(open("f", O_PATH)));
  OK(chmod(path.c_str(), 04603));
  SAME(04603, ModeOf("f"));
  OK(symlink("f", "l"));
  OK(chmod("l", 0604));
  SAME(0604, ModeOf("f"));
  SAME(0777, ModeOf("l"));
  FAILS(EBADF, fchmod(OK(open("f", O_PATH)), 0600));
  FAILS(EBADF, fchmod(99, 0600));
  FAILS(ENOENT, chmod("none", 0600));
  FAILS(ENOENT, chmod("", 0600));
  FAILS(EFAULT, syscall(SYS_chmod, 8, 0600));
  FAILS(ENOTDIR, chmod("f/x", 0600));
}

BEHAVIOUR(kEach, "fchmodat2 knows links and descriptors") {
  WriteFile("f");
  OK(symlink("f", "l"));
  if (syscall(SYS_fchmodat2, AT_FDCWD, "f", 0600, 0) != 0 && errno == ENOSYS) SKIP("before Linux 6.6");
  SAME(0600, ModeOf("f"));
  FAILS(EOPNOTSUPP, syscall(SYS_fchmodat2, AT_FDCWD, "l", 0600, AT_SYMLINK_NOFOLLOW));
  OK(syscall(SYS_fchmodat2, AT_FDCWD, "f", 0610, AT_SYMLINK_NOFOLLOW));
  SAME(0610, ModeOf("f"));
  OK(syscall(SYS_fchmodat2, OK(open("f", O_PATH)), "", 0620, AT_EMPTY_PATH));
  SAME(0620, ModeOf("f"));
  FAILS(EINVAL, syscall(SYS_fchmodat2, AT_FDCWD, "f", 0600, 0x4000000));
}

BEHAVIOUR(kRoot, "only the owner changes a mode") {
  WriteFile("f", "", 0666);
  Own("f", kOther, kSharedGroup);
  As(kUser, [] {
    FAILS(EPERM, chmod("f", 0777));
    FAILS(EPERM, fchmod(OK(open("f", O_RDWR)), 0600));
    FAILS(EPERM, chmod("/etc", 0777));
  });
  As(kOther, [] { OK(chmod("f", 0700)); });
  SAME(0700, ModeOf("f"));
}

BEHAVIOUR(kRoot, "who isn't in a file's group can't make it set-gid") {
  WriteFile("f");
  Own("f", kUser, 77);
  MakeFolder("d");
  Own("d", kUser, 77);
  As(kUser, [] {
    OK(chmod("f", 06755));
    SAME(04755, ModeOf("f"));
    OK(chmod("d", 02755));
    SAME(0755, ModeOf("d"));
  });
  Own("f", kUser, kSharedGroup);
  As(kUser, [] {
    OK(chmod("f", 06755));
    SAME(06755, ModeOf("f"));
  });
  OK(chmod("d", 02755));
  SAME(02755, ModeOf("d"));
}

BEHAVIOUR(kRoot, "root gives files to anybody") {
  WriteFile("f", "", 0640);
  OK(symlink("none", "l"));
  OK(mkfifo("p", 0604));
  MakeFolder("d", 0701);
  for (const char* name : {"f", "l", "p", "d"}) {
    const mode_t mode = StatOf(name).st_mode;
    for (const auto& [uid, gid] : {std::pair<uid_t, gid_t>{1000, 1000},
                                   {5, 0},
                                   {0, 5},
                                   {65534, 65534},
                                   {4'000'000'000, 4'294'967'294},
                                   {1000, 0},
                                   {0, 0}}) {
      OK(lchown(name, uid, gid));
      SAME(uid, StatOf(name).st_uid);
      SAME(gid, StatOf(name).st_gid);
      SAME(mode, StatOf(name).st_mode);
    }
  }
}

BEHAVIOUR(kRoot, "-1 leaves an id as it is") {
  WriteFile("f");
  OK(chown("f", 5, 6));
  OK(chown("f", -1, 7));
  SAME(5, StatOf("f").st_uid);
  SAME(7, StatOf("f").st_gid);
  OK(chown("f", 8, -1));
  SAME(8, StatOf("f").st_uid);
  SAME(7, StatOf("f").st_gid);
  OK(chown("f", -1, -1));
  SAME(8, StatOf("f").st_uid);
}

BEHAVIOUR(kRoot, "all calls that change an owner do") {
  WriteFile("f");
  OK(symlink("f", "l"));
  OK(chown("l", 1, 2));
  SAME(1, StatOf("f").st_uid);
  SAME(0, StatOf("l").st_uid);
  OK(lchown("l", 3, 4));
  SAME(3, StatOf("l").st_uid);
  SAME(1, StatOf("f").st_uid);
  OK(fchown(OK(open("f", O_RDONLY)), 5, 6));
  SAME(5, StatOf("f").st_uid);
  OK(fchownat(AT_FDCWD, "l", 7, 8, 0));
  SAME(7, StatOf("f").st_uid);
  OK(fchownat(AT_FDCWD, "l", 9, 10, AT_SYMLINK_NOFOLLOW));
  SAME(9, StatOf("l").st_uid);
  OK(fchownat(OK(open("f", O_PATH)), "", 11, 12, AT_EMPTY_PATH));
  SAME(11, StatOf("f").st_uid);
  OK(fchownat(OK(open("l", O_PATH | O_NOFOLLOW)), "", 13, 14, AT_EMPTY_PATH));
  SAME(13, StatOf("l").st_uid);
  FAILS(EBADF, fchown(OK(open("f", O_PATH)), 1, 1));
  FAILS(EBADF, fchown(99, 1, 1));
  FAILS(EINVAL, fchownat(AT_FDCWD, "f", 1, 1, 0x4000000));
  FAILS(ENOENT, chown("none", 1, 1));
  FAILS(ENOENT, fchownat(AT_FDCWD, "", 1, 1, 0));
  FAILS(EFAULT, syscall(SYS_chown, 8, 1, 1));
}

BEHAVIOUR(kEach, "what has no name is given to oneself by who has made it") {
  int pipe_ends[2], sockets[2];
  OK(pipe(pipe_ends));
  OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
  for (const int fd : {pipe_ends[0], pipe_ends[1], sockets[0], OK(memfd_create("m", 0))}) {
    OK(fchown(fd, geteuid(), getegid()));
    OK(fchown(fd, -1, -1));
    if (geteuid() == 0) {
      OK(fchown(fd, kUser, kUser));
      continue;
    }
    OK(fchown(fd, -1, kSharedGroup));
    FAILS(EPERM, fchown(fd, 0, -1));
    FAILS(EPERM, fchown(fd, -1, 77));
  }
}

BEHAVIOUR(kRoot, "an owner gives a file to no one, and only to groups of its own") {
  WriteFile("f");
  Own("f", kUser, kUser);
  As(kUser, [] {
    FAILS(EPERM, chown("f", kOther, -1));
    FAILS(EPERM, chown("f", 0, 0));
    OK(chown("f", kUser, -1));
    FAILS(EPERM, chown("f", -1, 77));
    OK(chown("f", -1, kSharedGroup));
    SAME(kSharedGroup, StatOf("f").st_gid);
    OK(chown("f", kUser, kUser));
    OK(chown("f", -1, -1));
  });
  As(kOther, [] {
    FAILS(EPERM, chown("f", kOther, -1));
    FAILS(EPERM, chown("f", -1, kOther));
    FAILS(EPERM, chown("f", kUser, -1));
    FAILS(EPERM, chown("f", -1, kUser));
    OK(chown("f", -1, -1));
  });
}

BEHAVIOUR(kRoot, "an owner who isn't in the file's group may keep it") {
  WriteFile("f");
  Own("f", kUser, 77);
  As(kUser, [] {
    OK(chown("f", kUser, 77));
    OK(chown("f", -1, 77));
  });
}

BEHAVIOUR(kRoot, "chown clears set-id bits of files, root's included, not of folders") {
  MakeSetId("f", 5, 6);
  OK(chown("f", 7, 8));
  SAME(0777, ModeOf("f"));
  MakeSetId("g", 5, 6);
  OK(chown("g", 5, 6));
  SAME(0777, ModeOf("g"));
  MakeFolder("d", 06777);
  OK(chown("d", 7, 8));
  SAME(06777, ModeOf("d"));
  // Without x for the group the bit is no set-gid.
  MakeSetId("h", 5, 6, 02767);
  OK(chown("h", 7, 8));
  SAME(02767, ModeOf("h"));
  // -1, -1 is a chown as well.
  MakeSetId("i", 5, 6);
  OK(chown("i", -1, -1));
  SAME(0777, ModeOf("i"));
}

BEHAVIOUR(kRoot, "a user's chgrp clears set-id bits") {
  MakeSetId("f", kUser, kUser);
  As(kUser, [] {
    OK(chown("f", -1, kSharedGroup));
    SAME(0777, ModeOf("f"));
  });
}

BEHAVIOUR(kRoot, "a write by who isn't root clears set-id bits") {
  for (uid_t uid : {kUser, kOther}) {
    MakeSetId("f", 0, 0);
    As(uid, [] {
      const int fd = OK(open("f", O_WRONLY));
      OK(write(fd, "x", 1));
      SAME(0777, ModeOf("f"));
    });
    MakeSetId("f", uid, kSharedGroup, 06755);
    As(uid, [] {
      OK(write(OK(open("f", O_WRONLY)), "x", 1));
      SAME(0755, ModeOf("f"));
    });
  }
  MakeSetId("f", kUser, kUser);
  OK(write(OK(open("f", O_WRONLY)), "x", 1));
  SAME(06777, ModeOf("f"));
}

BEHAVIOUR(kRoot, "a truncation by who isn't root clears set-id bits") {
  MakeSetId("f", 0, 0);
  As(kUser, [] {
    OK(truncate("f", 1));
    SAME(0777, ModeOf("f"));
  });
  MakeSetId("g", 0, 0);
  As(kUser, [] {
    OK(open("g", O_WRONLY | O_TRUNC));
    SAME(0777, ModeOf("g"));
  });
  MakeSetId("h", 0, 0);
  As(kUser, [] {
    OK(ftruncate(OK(open("h", O_WRONLY)), 1));
    SAME(0777, ModeOf("h"));
  });
  MakeSetId("i", 0, 0);
  OK(truncate("i", 1));
  SAME(06777, ModeOf("i"));
}

BEHAVIOUR(kRoot, "opening for writing alone clears no set-id bit") {
  MakeSetId("f", kUser, kUser);
  As(kUser, [] {
    close(OK(open("f", O_RDWR)));
    SAME(06777, ModeOf("f"));
  });
}

BEHAVIOUR(kRoot, "a read-only descriptor's file can be given away, its rights stay open") {
  WriteFile("f", "text", 0600);
  Own("f", kUser, kUser);
  As(kUser, [] {
    const int fd = OK(open("f", O_RDWR));
    OK(fchmod(fd, 0000));
    OK(write(fd, "x", 1));
    char c;
    OK(pread(fd, &c, 1, 0));
    FAILS(EACCES, open("f", O_RDONLY));
    FAILS(EACCES, open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY));
  });
}

}  // namespace
}  // namespace wslm::conformance
