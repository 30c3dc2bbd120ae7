// open(2), creat(2): rights, flags, errors.
#include <fcntl.h>
#include <sys/syscall.h>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "files/open";

BEHAVIOUR(kEach, "what is opened gets the lowest number that is free") {
  WriteFile("f");
  for (const int number : {0, 1, 2}) {
    OK(close(number));
    SAME(number, open("f", O_RDONLY));
    OK(close(number));
    SAME(number, open(".", O_RDONLY));
    OK(close(number));
    SAME(number, open(("new" + std::to_string(number)).c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644));
  }
}

BEHAVIOUR(kEach, "a file that is not there is ENOENT") {
  FAILS(ENOENT, open("none", O_RDONLY));
  FAILS(ENOENT, open("none/more", O_RDONLY));
  FAILS(ENOENT, open("", O_RDONLY));
  FAILS(ENOENT, open("none/more", O_RDWR | O_CREAT, 0644));
}

BEHAVIOUR(kEach, "a path through a file is ENOTDIR") {
  WriteFile("f");
  FAILS(ENOTDIR, open("f/more", O_RDONLY));
  FAILS(ENOTDIR, open("f/", O_RDONLY));
  FAILS(ENOTDIR, open("f/.", O_RDONLY));
  FAILS(ENOTDIR, open("f", O_RDONLY | O_DIRECTORY));
  FAILS(ENOTDIR, open("f/more", O_RDWR | O_CREAT, 0644));
}

BEHAVIOUR(kEach, "a folder is read only") {
  MakeFolder("d");
  OK(open("d", O_RDONLY));
  FAILS(EISDIR, open("d", O_WRONLY));
  FAILS(EISDIR, open("d", O_RDWR));
  FAILS(EISDIR, open("d", O_RDONLY | O_CREAT, 0644));
  FAILS(EISDIR, open("none/", O_RDWR | O_CREAT, 0644));
  FAILS(EEXIST, open("d", O_RDONLY | O_CREAT | O_EXCL, 0644));
}

BEHAVIOUR(kRoot, "a folder is EISDIR before anything is asked about rights") {
  MakeFolder("d", 0700);
  As(kUser, [] {
    for (const char* folder : {"/", "/etc", "d"}) {
      FAILS(EISDIR, open(folder, O_WRONLY));
      FAILS(EISDIR, open(folder, O_RDONLY | O_TRUNC));
      FAILS(EISDIR, open(folder, O_RDWR | O_CREAT, 0644));
    }
    FAILS(EACCES, open("d", O_RDONLY));
    FAILS(EACCES, open("d/..", O_WRONLY));
  });
}

BEHAVIOUR(kEach, "a path that can't be read is EFAULT") {
  FAILS(EFAULT, syscall(SYS_open, 8, O_RDONLY));
  FAILS(EFAULT, syscall(SYS_openat, AT_FDCWD, nullptr, O_RDONLY));
  FAILS(EFAULT, syscall(SYS_openat, AT_FDCWD, -1L, O_RDWR | O_CREAT, 0644));
}

BEHAVIOUR(kEach, "names have 255 bytes and paths 4,095") {
  WriteFile(Long(255));
  FAILS(ENAMETOOLONG, open(Long(256).c_str(), O_RDONLY));
  FAILS(ENAMETOOLONG, open(Long(256).c_str(), O_RDWR | O_CREAT, 0644));
  WriteFile("f");
  std::string path(4094, '/');
  for (size_t i = 0; i < path.size(); i += 2) path[i] = '.';
  OK(open((path + "f").c_str(), O_RDONLY));
  FAILS(ENAMETOOLONG, open(("/" + path + "f").c_str(), O_RDONLY));
}

BEHAVIOUR(kRoot, "another's file opens by its three sets of bits") {
  WriteFile("own", "", 0400);
  Own("own", kUser, kUser);
  WriteFile("group", "", 0060);
  Own("group", 0, kSharedGroup);
  WriteFile("others", "", 0604);
  As(kUser, [] {
    OK(open("own", O_RDONLY));
    FAILS(EACCES, open("own", O_WRONLY));
    OK(open("group", O_RDWR));
    OK(open("others", O_RDONLY));
    FAILS(EACCES, open("others", O_RDWR));
    FAILS(EACCES, open("others", O_RDONLY | O_TRUNC));
  });
  // The first set that fits counts, even when another would allow more.
  WriteFile("owner-no", "", 0077);
  Own("owner-no", kUser, kUser);
  WriteFile("group-no", "", 0707);
  Own("group-no", 0, kSharedGroup);
  As(kUser, [] {
    FAILS(EACCES, open("owner-no", O_RDONLY));
    FAILS(EACCES, open("group-no", O_RDONLY));
  });
}

BEHAVIOUR(kRoot, "every folder on the way has to be searched") {
  MakeFolder("closed", 0700);
  WriteFile("closed/f", "", 0666);
  MakeFolder("through", 0711);
  WriteFile("through/f", "", 0666);
  As(kUser, [] {
    FAILS(EACCES, open("closed/f", O_RDONLY));
    FAILS(EACCES, open("closed/none", O_RDONLY));
    FAILS(EACCES, open("closed/../through/f", O_RDONLY));
    FAILS(EACCES, open("through", O_RDONLY));
    OK(open("through/f", O_RDWR));
    FAILS(ENOENT, open("through/none", O_RDONLY));
    FAILS(EACCES, open("through/new", O_RDWR | O_CREAT, 0644));
  });
}

BEHAVIOUR(kEach, "the file that made it may use what its mode forbids") {
  const int fd = OK(open("f", O_RDWR | O_CREAT | O_EXCL, 0000));
  SAME(4, write(fd, "text", 4));
  SAME(0, ModeOf("f"));
}

BEHAVIOUR(kUsers, "a file without bits is EACCES for its owner too") {
  WriteFile("f", "", 0000);
  FAILS(EACCES, open("f", O_RDONLY));
  FAILS(EACCES, open("f", O_WRONLY));
  FAILS(EACCES, open("f", O_RDWR | O_CREAT, 0644));
  OK(open("f", O_PATH));
}

BEHAVIOUR(kEach, "a link at the end is followed, but for O_NOFOLLOW and O_EXCL") {
  WriteFile("f");
  OK(symlink("f", "l"));
  OK(symlink("new", "dangling"));
  OK(open("l", O_RDONLY));
  FAILS(ELOOP, open("l", O_RDONLY | O_NOFOLLOW));
  OK(open("l", O_PATH | O_NOFOLLOW));
  FAILS(EEXIST, open("l", O_RDWR | O_CREAT | O_EXCL, 0644));
  FAILS(EEXIST, open("dangling", O_RDWR | O_CREAT | O_EXCL, 0644));
  FAILS(ENOENT, open("dangling", O_RDWR));
  OK(open("dangling", O_RDWR | O_CREAT, 0640));
  SAME(0640, ModeOf("new"));
  SAME(getuid(), StatOf("new").st_uid);
}

BEHAVIOUR(kEach, "41 links on the way are ELOOP, 40 are not") {
  WriteFile("0");
  for (int i = 1; i <= 41; ++i) OK(symlink(std::to_string(i - 1).c_str(), std::to_string(i).c_str()));
  OK(open("40", O_RDONLY));
  FAILS(ELOOP, open("41", O_RDONLY));
  OK(symlink("loop", "loop"));
  FAILS(ELOOP, open("loop", O_RDONLY));
  FAILS(ELOOP, open("loop/f", O_RDWR | O_CREAT, 0644));
}

BEHAVIOUR(kEach, "a new file is its maker's, with the mode less the umask") {
  umask(027);
  close(OK(open("f", O_RDWR | O_CREAT, 0777)));
  SAME(0750, ModeOf("f"));
  SAME(geteuid(), StatOf("f").st_uid);
  SAME(getegid(), StatOf("f").st_gid);
  close(OK(creat("g", 06666)));
  SAME(06640, ModeOf("g"));
}

BEHAVIOUR(kEach, "a descriptor that is no folder, or none, is told") {
  WriteFile("f");
  const int fd = OK(open("f", O_RDONLY));
  FAILS(ENOTDIR, openat(fd, "g", O_RDONLY));
  FAILS(EBADF, openat(99, "g", O_RDONLY));
  FAILS(EBADF, openat(-1, "g", O_RDWR | O_CREAT, 0644));
  WriteFile("/proc/self/fd/" + std::to_string(fd), "", 0644);
  const std::string absolute = std::string(OK(getcwd(nullptr, 0))) + "/f";
  OK(openat(99, absolute.c_str(), O_RDONLY));
}

}  // namespace
}  // namespace wslm::conformance
