// openat2(2): what bounds a lookup.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "files/openat2";

int OpenAt2(int folder, const char* path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
  return static_cast<int>(syscall(SYS_openat2, folder, path, &how, sizeof(how)));
}
int OpenAt2(const char* path, uint64_t resolve) { return OpenAt2(AT_FDCWD, path, O_RDONLY, 0, resolve); }

// d/f, d/e/f, f, and links.
void MakeTree() {
  MakeFolder("d");
  MakeFolder("d/e");
  WriteFile("d/f", "in");
  WriteFile("d/e/f", "deep");
  WriteFile("f", "out");
  OK(symlink("../f", "d/up"));
  OK(symlink("/f", "d/absolute"));
  OK(symlink("e/f", "d/down"));
}

std::string Content(int fd) {
  char buffer[9];
  return std::string(buffer, OK(read(fd, buffer, sizeof(buffer))));
}

BEHAVIOUR(kEach, "beneath: nothing above the folder is found") {
  MakeTree();
  const int d = OK(open("d", O_PATH));
  OK(OpenAt2(d, "f", O_RDONLY, 0, RESOLVE_BENEATH));
  OK(OpenAt2(d, "e/../f", O_RDONLY, 0, RESOLVE_BENEATH));
  OK(OpenAt2(d, "down", O_RDONLY, 0, RESOLVE_BENEATH));
  FAILS(EXDEV, OpenAt2(d, "../f", O_RDONLY, 0, RESOLVE_BENEATH));
  FAILS(EXDEV, OpenAt2(d, "up", O_RDONLY, 0, RESOLVE_BENEATH));
  FAILS(EXDEV, OpenAt2(d, "/etc", O_RDONLY, 0, RESOLVE_BENEATH));
  FAILS(EXDEV, OpenAt2(d, "absolute", O_RDONLY, 0, RESOLVE_BENEATH));
  FAILS(ENOENT, OpenAt2(d, "none", O_RDONLY, 0, RESOLVE_BENEATH));
}

BEHAVIOUR(kEach, "beneath: files are made below the folder only") {
  MakeTree();
  const int d = OK(open("d", O_PATH));
  OK(OpenAt2(d, "new", O_RDWR | O_CREAT, 0640, RESOLVE_BENEATH));
  SAME(0640, ModeOf("d/new"));
  SAME(getuid(), StatOf("d/new").st_uid);
  FAILS(EXDEV, OpenAt2(d, "../new", O_RDWR | O_CREAT, 0640, RESOLVE_BENEATH));
  OK(symlink("../made", "d/out"));
  FAILS(EXDEV, OpenAt2(d, "out", O_RDWR | O_CREAT, 0640, RESOLVE_BENEATH));
  FAILS(ENOENT, open("made", O_RDONLY));
  OK(symlink("e/made", "d/in"));
  OK(OpenAt2(d, "in", O_RDWR | O_CREAT, 0600, RESOLVE_BENEATH));
  SAME(0600, ModeOf("d/e/made"));
  SAME(getuid(), StatOf("d/e/made").st_uid);
  FAILS(EEXIST, OpenAt2(d, "f", O_RDWR | O_CREAT | O_EXCL, 0640, RESOLVE_BENEATH));
  FAILS(EISDIR, OpenAt2(d, "other/", O_RDWR | O_CREAT, 0640, RESOLVE_BENEATH));
}

BEHAVIOUR(kEach, "in root: the folder is / and nothing is above it") {
  MakeTree();
  const int d = OK(open("d", O_PATH));
  SAME("in", Content(OK(OpenAt2(d, "/f", O_RDONLY, 0, RESOLVE_IN_ROOT))));
  SAME("in", Content(OK(OpenAt2(d, "../../f", O_RDONLY, 0, RESOLVE_IN_ROOT))));
  SAME("in", Content(OK(OpenAt2(d, "up", O_RDONLY, 0, RESOLVE_IN_ROOT))));
  SAME("in", Content(OK(OpenAt2(d, "absolute", O_RDONLY, 0, RESOLVE_IN_ROOT))));
  SAME("deep", Content(OK(OpenAt2(d, "/e/../down", O_RDONLY, 0, RESOLVE_IN_ROOT))));
  FAILS(ENOENT, OpenAt2(d, "/etc", O_RDONLY, 0, RESOLVE_IN_ROOT));
  OK(OpenAt2(d, "/../new", O_RDWR | O_CREAT, 0604, RESOLVE_IN_ROOT));
  SAME(0604, ModeOf("d/new"));
  SAME(getuid(), StatOf("d/new").st_uid);
  OK(symlink("/e/made", "d/in"));
  OK(OpenAt2(d, "in", O_RDWR | O_CREAT, 0600, RESOLVE_IN_ROOT));
  SAME(getuid(), StatOf("d/e/made").st_uid);
}

BEHAVIOUR(kRoot, "in root: rights inside count as ever") {
  MakeTree();
  OK(chmod("d/e", 0700));
  OK(chmod("d/f", 0600));
  As(kUser, [] {
    const int d = OK(open("d", O_PATH));
    FAILS(EACCES, OpenAt2(d, "/f", O_RDONLY, 0, RESOLVE_IN_ROOT));
    FAILS(EACCES, OpenAt2(d, "/e/f", O_RDONLY, 0, RESOLVE_IN_ROOT));
    FAILS(EACCES, OpenAt2(d, "/down", O_RDONLY, 0, RESOLVE_IN_ROOT));
    FAILS(EACCES, OpenAt2(d, "/new", O_RDWR | O_CREAT, 0600, RESOLVE_IN_ROOT));
    FAILS(EACCES, OpenAt2(d, "f", O_RDONLY, 0, RESOLVE_BENEATH));
    FAILS(EACCES, OpenAt2(d, "new", O_RDWR | O_CREAT, 0600, RESOLVE_BENEATH));
  });
  // The folders above the new root aren't asked.
  MakeFolder("closed");
  MakeFolder("closed/d");
  WriteFile("closed/d/f", "in");
  InChild([] {
    const int d = OK(open("closed/d", O_PATH));
    OK(chmod("closed", 0700));
    As(kUser, [d] { SAME("in", Content(OK(OpenAt2(d, "/../f", O_RDONLY, 0, RESOLVE_IN_ROOT)))); });
  });
}

BEHAVIOUR(kEach, "links are refused where none may be") {
  MakeTree();
  OK(symlink("d", "l"));
  OK(OpenAt2("d/f", RESOLVE_NO_SYMLINKS));
  FAILS(ELOOP, OpenAt2("l/f", RESOLVE_NO_SYMLINKS));
  FAILS(ELOOP, OpenAt2("d/down", RESOLVE_NO_SYMLINKS));
  OK(OpenAt2(AT_FDCWD, "d/down", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS));
  OK(symlink("none", "dangling"));
  FAILS(ELOOP, OpenAt2(AT_FDCWD, "dangling", O_RDWR | O_CREAT, 0600, RESOLVE_NO_SYMLINKS));
  OK(OpenAt2("l/f", RESOLVE_NO_MAGICLINKS));
  FAILS(ELOOP, OpenAt2("/proc/self/cwd/f", RESOLVE_NO_MAGICLINKS));
}

BEHAVIOUR(kEach, "another mount is EXDEV where none may be crossed") {
  OK(OpenAt2(AT_FDCWD, "/", O_PATH, 0, RESOLVE_NO_XDEV));
  FAILS(EXDEV, OpenAt2(AT_FDCWD, "/proc/version", O_RDONLY, 0, RESOLVE_NO_XDEV));
  FAILS(EXDEV, OpenAt2(AT_FDCWD, "/dev/null", O_RDONLY, 0, RESOLVE_NO_XDEV));
}

BEHAVIOUR(kEach, "what it doesn't know is EINVAL, not left out") {
  WriteFile("f");
  FAILS(EINVAL, OpenAt2("f", 0x8000));
  FAILS(EINVAL, OpenAt2("f", RESOLVE_BENEATH | RESOLVE_IN_ROOT));
  FAILS(EINVAL, OpenAt2(AT_FDCWD, "f", uint64_t{1} << 40, 0, 0));
  FAILS(EINVAL, OpenAt2(AT_FDCWD, "f", O_RDONLY, 0600, 0));
  FAILS(EINVAL, OpenAt2(AT_FDCWD, "g", O_RDWR | O_CREAT, 0200000, 0));
  open_how how = {};
  FAILS(EINVAL, syscall(SYS_openat2, AT_FDCWD, "f", &how, 8));
  FAILS(EFAULT, syscall(SYS_openat2, AT_FDCWD, "f", 8, sizeof(how)));
  FAILS(EFAULT, syscall(SYS_openat2, AT_FDCWD, 8, &how, sizeof(how)));
  FAILS(ENOENT, OpenAt2("", RESOLVE_BENEATH));
  FAILS(EBADF, OpenAt2(99, "f", O_RDONLY, 0, RESOLVE_BENEATH));
  FAILS(ENOTDIR, OpenAt2(OK(open("f", O_RDONLY)), "g", O_RDONLY, 0, RESOLVE_IN_ROOT));
}

BEHAVIOUR(kEach, "it makes files without a name, too") {
  MakeFolder("d");
  const int d = OK(open("d", O_PATH));
  struct stat s;
  OK(fstat(OK(OpenAt2(d, ".", O_TMPFILE | O_RDWR, 0640, RESOLVE_BENEATH)), &s));
  SAME(S_IFREG | 0640, s.st_mode);
  SAME(getuid(), s.st_uid);
}

}  // namespace
}  // namespace wslm::conformance
