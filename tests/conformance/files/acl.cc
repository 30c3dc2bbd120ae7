// acl(5): POSIX access control lists, as the kernel keeps and enforces them.
#include <endian.h>
#include <fcntl.h>
#include <linux/xattr.h>
#include <string.h>
#include <sys/xattr.h>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "files/acl";
constexpr char kAccess[] = "system.posix_acl_access";
constexpr char kDefault[] = "system.posix_acl_default";

// linux/posix_acl.h
enum Tag : uint16_t { kUserObj = 1, kAUser = 2, kGroupObj = 4, kAGroup = 8, kMask = 16, kOthers = 32 };
struct Entry {
  uint16_t tag;
  uint16_t permissions;
  uint32_t id = UINT32_MAX;
};

std::string Encode(const std::vector<Entry>& entries) {
  const uint32_t version = htole32(2);
  std::string bytes(reinterpret_cast<const char*>(&version), 4);
  for (const Entry& entry : entries) bytes.append(reinterpret_cast<const char*>(&entry), 8);
  return bytes;
}

int SetAcl(const char* path, const char* which, const std::vector<Entry>& entries) {
  const std::string bytes = Encode(entries);
  return setxattr(path, which, bytes.data(), bytes.size(), 0);
}

// "u:rw- u1000:r-- g:r-- m:rw- o:---", or the errno's name.
std::string Acl(const char* path, const char* which = kAccess) {
  char bytes[4096];
  const ssize_t size = getxattr(path, which, bytes, sizeof(bytes));
  if (size < 0) return ErrnoName(errno);
  std::string text;
  for (ssize_t i = 4; i + 8 <= size; i += 8) {
    Entry entry;
    memcpy(&entry, bytes + i, 8);
    text += text.empty() ? "" : " ";
    text += entry.tag & (kUserObj | kAUser)     ? "u"
            : entry.tag & (kGroupObj | kAGroup) ? "g"
            : entry.tag == kMask                ? "m"
                                                : "o";
    if (entry.tag & (kAUser | kAGroup)) text += std::to_string(entry.id);
    text += ":";
    for (int bit = 0; bit < 3; ++bit) text += entry.permissions & (4 >> bit) ? "rwx"[bit] : '-';
  }
  return text;
}

const std::vector<Entry> kUserReads = {{kUserObj, 6}, {kAUser, 4, kUser}, {kGroupObj, 0}, {kMask, 4}, {kOthers, 0}};

BEHAVIOUR(kEach, "a list is kept and told") {
  WriteFile("f", "", 0600);
  SAME("ENODATA", Acl("f"));
  OK(SetAcl("f", kAccess, kUserReads));
  SAME("u:rw- u1000:r-- g:--- m:r-- o:---", Acl("f"));
  char names[99];
  SAME(sizeof(kAccess), listxattr("f", names, sizeof(names)));
  SAME(kAccess, names);
}

BEHAVIOUR(kRoot, "a named user has the right that the list gives") {
  WriteFile("f", "text", 0600);
  OK(SetAcl("f", kAccess, kUserReads));
  As(kUser, [] {
    SAME("text", ReadFile("f"));
    OK(access("f", R_OK));
    FAILS(EACCES, open("f", O_WRONLY));
    FAILS(EACCES, access("f", W_OK));
    SAME("u:rw- u1000:r-- g:--- m:r-- o:---", Acl("f"));
  });
  As(kOther, [] { FAILS(EACCES, open("f", O_RDONLY)); });
}

BEHAVIOUR(kRoot, "a named user who may not is refused, whatever others may") {
  WriteFile("f", "", 0666);
  OK(SetAcl("f", kAccess, {{kUserObj, 6}, {kAUser, 0, kUser}, {kGroupObj, 6}, {kMask, 6}, {kOthers, 6}}));
  As(kUser, [] { FAILS(EACCES, open("f", O_RDONLY)); });
  As(kOther, [] { OK(open("f", O_RDWR)); });
}

BEHAVIOUR(kRoot, "any group that allows is enough, one that fits keeps others' bits away") {
  WriteFile("f", "", 0600);
  OK(SetAcl(
      "f", kAccess,
      {{kUserObj, 6}, {kGroupObj, 0}, {kAGroup, 4, kUser}, {kAGroup, 2, kSharedGroup}, {kMask, 7}, {kOthers, 7}}));
  As(kUser, [] {
    OK(open("f", O_RDONLY));
    OK(open("f", O_WRONLY));
    FAILS(EACCES, open("f", O_RDWR));
    FAILS(EACCES, access("f", X_OK));
  });
  As(77, 77, {77}, [] { OK(open("f", O_RDWR)); });
  As(77, 0, {}, [] { FAILS(EACCES, open("f", O_RDONLY)); });
}

BEHAVIOUR(kRoot, "the mask bounds named users and all groups, not the owner") {
  WriteFile("f", "", 0600);
  Own("f", kOther, kSharedGroup);
  OK(SetAcl("f", kAccess, {{kUserObj, 6}, {kAUser, 6, kUser}, {kGroupObj, 6}, {kMask, 4}, {kOthers, 0}}));
  As(kUser, [] {
    OK(open("f", O_RDONLY));
    FAILS(EACCES, open("f", O_RDWR));
  });
  As(77, kSharedGroup, {}, [] {
    OK(open("f", O_RDONLY));
    FAILS(EACCES, open("f", O_RDWR));
  });
  As(kOther, [] { OK(open("f", O_RDWR)); });
}

BEHAVIOUR(kEach, "the group's bits of the mode are the mask") {
  WriteFile("f", "", 0600);
  OK(SetAcl("f", kAccess, {{kUserObj, 7}, {kAUser, 6, kUser}, {kGroupObj, 1}, {kMask, 6}, {kOthers, 4}}));
  SAME(0764, ModeOf("f"));
  OK(chmod("f", 0640));
  SAME("u:rw- u1000:rw- g:--x m:r-- o:---", Acl("f"));
  SAME(0640, ModeOf("f"));
  OK(chmod("f", 04777));
  SAME("u:rwx u1000:rw- g:--x m:rwx o:rwx", Acl("f"));
  SAME(04777, ModeOf("f"));
  OK(removexattr("f", kAccess));
  SAME("ENODATA", Acl("f"));
  SAME(04777, ModeOf("f"));
}

BEHAVIOUR(kEach, "a list that says no more than a mode is the mode") {
  WriteFile("f", "", 0600);
  OK(SetAcl("f", kAccess, {{kUserObj, 6}, {kGroupObj, 4}, {kOthers, 4}}));
  SAME("ENODATA", Acl("f"));
  SAME(0644, ModeOf("f"));
  OK(SetAcl("f", kAccess, {{kUserObj, 6}, {kGroupObj, 6}, {kMask, 4}, {kOthers, 0}}));
  SAME("u:rw- g:rw- m:r-- o:---", Acl("f"));
  SAME(0640, ModeOf("f"));
  OK(SetAcl("f", kAccess, {}));
  SAME("ENODATA", Acl("f"));
}

BEHAVIOUR(kEach, "what is no list is EINVAL") {
  WriteFile("f");
  FAILS(EINVAL, SetAcl("f", kAccess, {{kUserObj, 6}}));
  FAILS(EINVAL, SetAcl("f", kAccess, {{kUserObj, 6}, {kAUser, 4, kUser}, {kGroupObj, 0}, {kOthers, 0}}));
  FAILS(EINVAL, SetAcl("f", kAccess, {{kGroupObj, 6}, {kUserObj, 6}, {kOthers, 4}}));
  FAILS(EINVAL, SetAcl("f", kAccess, {{kUserObj, 8}, {kGroupObj, 6}, {kOthers, 4}}));
  FAILS(EINVAL, SetAcl("f", kAccess, {{kUserObj, 6}, {64, 4}, {kGroupObj, 6}, {kOthers, 4}}));
  FAILS(EINVAL, setxattr("f", kAccess, "abc", 3, 0));
  FAILS(EOPNOTSUPP, setxattr("f", kAccess, "\1\0\0\0", 4, 0));
  SAME("ENODATA", Acl("f"));
}

BEHAVIOUR(kRoot, "only the owner sets a list, all may read it") {
  WriteFile("f", "", 0606);
  As(kUser, [] {
    FAILS(EPERM, SetAcl("f", kAccess, kUserReads));
    FAILS(EPERM, removexattr("f", kAccess));
  });
  Own("f", kUser, kUser);
  As(kUser, [] { OK(SetAcl("f", kAccess, kUserReads)); });
  As(kOther, [] { SAME("u:rw- u1000:r-- g:--- m:r-- o:---", Acl("f")); });
}

BEHAVIOUR(kEach, "links have no list, files no default") {
  OK(symlink("none", "l"));
  const std::string list = Encode(kUserReads);
  FAILS(EOPNOTSUPP, lsetxattr("l", kAccess, list.data(), list.size(), 0));
  WriteFile("f");
  FAILS(EACCES, SetAcl("f", kDefault, kUserReads));
  char value[99];
  FAILS(EOPNOTSUPP, lgetxattr("l", kAccess, value, 99));
  SAME("ENODATA", Acl("f", kDefault));
}

BEHAVIOUR(kRoot, "fifos and sockets have lists") {
  OK(mkfifo("p", 0600));
  OK(SetAcl("p", kAccess, kUserReads));
  SAME("u:rw- u1000:r-- g:--- m:r-- o:---", Acl("p"));
  SAME(0640, ModeOf("p"));
  As(kUser, [] {
    OK(open("p", O_RDONLY | O_NONBLOCK));
    FAILS(EACCES, open("p", O_RDWR | O_NONBLOCK));
  });
}

BEHAVIOUR(kEach, "a folder's default list is what its files get, less the mode they are made with") {
  MakeFolder("d");
  OK(SetAcl("d", kDefault, {{kUserObj, 7}, {kAUser, 6, kUser}, {kGroupObj, 5}, {kMask, 7}, {kOthers, 4}}));
  SAME("u:rwx u1000:rw- g:r-x m:rwx o:r--", Acl("d", kDefault));
  SAME("ENODATA", Acl("d"));
  SAME(0755, ModeOf("d"));
  // No umask where there is a default.
  umask(077);
  close(OK(open("d/f", O_RDWR | O_CREAT, 0666)));
  SAME("u:rw- u1000:rw- g:r-x m:rw- o:r--", Acl("d/f"));
  SAME(0664, ModeOf("d/f"));
  close(OK(open("d/g", O_RDWR | O_CREAT, 0600)));
  SAME("u:rw- u1000:rw- g:r-x m:--- o:---", Acl("d/g"));
  SAME(0600, ModeOf("d/g"));
  OK(mkdir("d/d", 0750));
  SAME("u:rwx u1000:rw- g:r-x m:r-x o:---", Acl("d/d"));
  SAME("u:rwx u1000:rw- g:r-x m:rwx o:r--", Acl("d/d", kDefault));
  OK(mkfifo("d/p", 0622));
  SAME("u:rw- u1000:rw- g:r-x m:-w- o:---", Acl("d/p"));
  OK(symlink("x", "d/l"));
  SAME(0777, ModeOf("d/l"));
}

BEHAVIOUR(kEach, "a default without names gives modes only") {
  MakeFolder("d");
  OK(SetAcl("d", kDefault, {{kUserObj, 7}, {kGroupObj, 5}, {kOthers, 0}}));
  umask(0);
  close(OK(open("d/f", O_RDWR | O_CREAT, 0666)));
  SAME("ENODATA", Acl("d/f"));
  SAME(0640, ModeOf("d/f"));
  OK(mkdir("d/d", 0777));
  SAME("ENODATA", Acl("d/d"));
  SAME(0750, ModeOf("d/d"));
  SAME("u:rwx g:r-x o:---", Acl("d/d", kDefault));
  OK(removexattr("d", kDefault));
  SAME("ENODATA", Acl("d", kDefault));
  close(OK(open("d/g", O_RDWR | O_CREAT, 0666)));
  SAME(0666, ModeOf("d/g"));
}

BEHAVIOUR(kEach, "a file without a name gets the default list too") {
  MakeFolder("d");
  OK(SetAcl("d", kDefault, {{kUserObj, 7}, {kAUser, 6, kOther}, {kGroupObj, 0}, {kMask, 6}, {kOthers, 0}}));
  const int fd = OK(open("d", O_TMPFILE | O_RDWR, 0666));
  OK(linkat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(fd)).c_str(), AT_FDCWD, "d/f", AT_SYMLINK_FOLLOW));
  SAME("u:rw- u4321:rw- g:--- m:rw- o:---", Acl("d/f"));
}

BEHAVIOUR(kRoot, "lists on folders count for searching, adding and removing") {
  MakeFolder("d", 0700);
  WriteFile("d/f", "", 0644);
  OK(SetAcl("d", kAccess,
            {{kUserObj, 7}, {kAUser, 1, kUser}, {kAUser, 7, kOther}, {kGroupObj, 0}, {kMask, 7}, {kOthers, 0}}));
  As(kUser, [] {
    OK(open("d/f", O_RDONLY));
    FAILS(EACCES, open("d", O_RDONLY));
    FAILS(EACCES, mkdir("d/x", 0755));
    FAILS(EACCES, unlink("d/f"));
  });
  As(kOther, [] {
    OK(open("d", O_RDONLY));
    OK(mkdir("d/x", 0755));
    OK(unlink("d/f"));
  });
  As(77, 77, {77}, [] { FAILS(EACCES, open("d/x", O_PATH)); });
}

BEHAVIOUR(kRoot, "a list goes with its file, whoever owns it then") {
  WriteFile("f", "", 0600);
  OK(SetAcl("f", kAccess, kUserReads));
  OK(rename("f", "g"));
  OK(chown("g", kOther, kOther));
  SAME("u:rw- u1000:r-- g:--- m:r-- o:---", Acl("g"));
  SAME(kOther, StatOf("g").st_uid);
  SAME(0640, ModeOf("g"));
  As(kUser, [] { OK(open("g", O_RDONLY)); });
  As(kOther, [] { OK(open("g", O_RDWR)); });
}

BEHAVIOUR(kUsers, "the owner may take its own right away") {
  WriteFile("f", "text", 0644);
  OK(SetAcl("f", kAccess, {{kUserObj, 0}, {kAUser, 4, 77}, {kGroupObj, 4}, {kMask, 4}, {kOthers, 4}}));
  FAILS(EACCES, open("f", O_RDONLY));
  SAME(0044, ModeOf("f"));
  OK(chmod("f", 0644));
  SAME("text", ReadFile("f"));
  SAME("u:rw- u77:r-- g:r-- m:r-- o:r--", Acl("f"));
}

BEHAVIOUR(kRoot, "setting a list clears set-gid for who isn't in the group") {
  WriteFile("f");
  Own("f", kUser, 77);
  OK(chmod("f", 02755));
  As(kUser, [] {
    OK(SetAcl("f", kAccess, {{kUserObj, 7}, {kAUser, 4, kOther}, {kGroupObj, 5}, {kMask, 5}, {kOthers, 5}}));
    SAME(0755, ModeOf("f"));
  });
}

}  // namespace
}  // namespace wslm::conformance
