// xattr(7): name spaces, rights, sizes, errors.
#include <fcntl.h>
#include <linux/xattr.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "files/xattr";

int Set(const char* path, const char* name, std::string_view value, int flags = 0) {
  return lsetxattr(path, name, value.data(), value.size(), flags);
}

// The value, or the errno's name.
std::string Get(const char* path, const char* name) {
  char value[70000];
  const ssize_t size = lgetxattr(path, name, value, sizeof(value));
  return size < 0 ? ErrnoName(errno) : std::string(value, size);
}

// The names, sorted, with commas between; without those that a security module of the host adds.
std::string List(const char* path) {
  char buffer[70000];
  const ssize_t size = llistxattr(path, buffer, sizeof(buffer));
  if (size < 0) return ErrnoName(errno);
  std::vector<std::string> names;
  for (const char* name = buffer; name < buffer + size; name += strlen(name) + 1) {
    if (strcmp(name, "security.selinux") != 0) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ",") + name;
  return all;
}

// A vfs_cap_data of revision 2.
std::string Capability(uint32_t permitted) {
  uint32_t words[5] = {0x02000001, permitted, 0, 0, 0};
  return std::string(reinterpret_cast<char*>(words), sizeof(words));
}

BEHAVIOUR(kEach, "user attributes are set, told, listed and removed") {
  WriteFile("f");
  SAME("", List("f"));
  OK(Set("f", "user.a", "1"));
  OK(Set("f", "user.b", ""));
  SAME("1", Get("f", "user.a"));
  SAME("", Get("f", "user.b"));
  SAME("user.a,user.b", List("f"));
  OK(Set("f", "user.a", "longer"));
  SAME("longer", Get("f", "user.a"));
  OK(removexattr("f", "user.b"));
  SAME("user.a", List("f"));
  SAME("ENODATA", Get("f", "user.b"));
  FAILS(ENODATA, removexattr("f", "user.b"));
  MakeFolder("d");
  OK(Set("d", "user.a", "1"));
  SAME("user.a", List("d"));
}

BEHAVIOUR(kEach, "flags say whether an attribute must be there") {
  WriteFile("f");
  FAILS(ENODATA, Set("f", "user.a", "1", XATTR_REPLACE));
  OK(Set("f", "user.a", "1", XATTR_CREATE));
  FAILS(EEXIST, Set("f", "user.a", "2", XATTR_CREATE));
  OK(Set("f", "user.a", "2", XATTR_REPLACE));
  FAILS(EINVAL, Set("f", "user.a", "2", 4));
}

BEHAVIOUR(kEach, "the name of an attribute is read as far as it goes") {
  WriteFile("f");
  constexpr size_t kPage = 4096;
  char* memory = static_cast<char*>(
      mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, /*fd=*/-1, /*offset=*/0));
  THAT(memory != MAP_FAILED);
  char* end = memory + kPage;
  OK(mprotect(end, kPage, PROT_NONE));
  for (const std::string name :
       {"system.posix_acl_access", "system.posix_acl_default", "security.capability", "user.a"}) {
    char* last = end - name.size() - 1;
    strcpy(last, name.c_str());
    FAILS(ENODATA, lgetxattr("f", last, nullptr, 0));
    FAILS(ENODATA, getxattr("f", last, nullptr, 0));
    char* endless = end - name.size();
    memcpy(endless, name.data(), name.size());
    FAILS(EFAULT, lgetxattr("f", endless, nullptr, 0));
    FAILS(EFAULT, getxattr("f", endless, nullptr, 0));
  }
  FAILS(EFAULT, getxattr("f", end, nullptr, 0));
  FAILS(EFAULT, lgetxattr("f", reinterpret_cast<char*>(8), nullptr, 0));
  FAILS(EOPNOTSUPP, getxattr("f", "system.posix_acl_accesses", nullptr, 0));
  FAILS(EOPNOTSUPP, getxattr("f", "system.posix_acl_defaul", nullptr, 0));
  FAILS(ENODATA, getxattr("f", "security.selinuxes", nullptr, 0));
  FAILS(ENODATA, getxattr("f", "security.capabilities", nullptr, 0));
  FAILS(ENOENT, getxattr("none", "system.posix_acl_access", nullptr, 0));
  OK(symlink("f", "l"));
  FAILS(EOPNOTSUPP, lgetxattr("l", "system.posix_acl_access", nullptr, 0));
  FAILS(ENODATA, getxattr("l", "system.posix_acl_access", nullptr, 0));
}

BEHAVIOUR(kEach, "calls by path, link and descriptor agree") {
  WriteFile("f");
  OK(symlink("f", "l"));
  OK(setxattr("l", "user.a", "1", 1, 0));
  const int fd = OK(open("f", O_RDONLY));
  char value[9];
  SAME(1, fgetxattr(fd, "user.a", value, sizeof(value)));
  SAME(1, getxattr("l", "user.a", value, sizeof(value)));
  OK(fsetxattr(fd, "user.b", "2", 1, 0));
  char names[99];
  SAME(14, flistxattr(fd, names, sizeof(names)));
  SAME(14, listxattr("l", names, sizeof(names)));
  OK(fremovexattr(fd, "user.a"));
  OK(removexattr("l", "user.b"));
  SAME("", List("f"));
  FAILS(EBADF, fgetxattr(OK(open("f", O_PATH)), "user.a", value, 9));
  FAILS(EBADF, fsetxattr(99, "user.a", "1", 1, 0));
}

BEHAVIOUR(kEach, "room is asked for with size 0, and ERANGE when it is too little") {
  WriteFile("f");
  OK(Set("f", "user.a", "text"));
  char value[9];
  SAME(4, getxattr("f", "user.a", nullptr, 0));
  FAILS(ERANGE, getxattr("f", "user.a", value, 3));
  SAME(4, getxattr("f", "user.a", value, 4));
  SAME(7, listxattr("f", nullptr, 0));
  FAILS(ERANGE, listxattr("f", value, 6));
  FAILS(EFAULT, syscall(SYS_getxattr, "f", "user.a", 8, 9));
  FAILS(EFAULT, syscall(SYS_listxattr, "f", 8, 99));
}

BEHAVIOUR(kEach, "names and values have bounds") {
  WriteFile("f");
  OK(Set("f", ("user." + Long(250)).c_str(), "1"));
  FAILS(ERANGE, Set("f", ("user." + Long(251)).c_str(), "1"));
  FAILS(ERANGE, Set("f", "", "1"));
  FAILS(EINVAL, Set("f", "user.", "1"));
  FAILS(EOPNOTSUPP, Set("f", "nothing.a", "1"));
  FAILS(EOPNOTSUPP, Set("f", "user", "1"));
  SAME("EOPNOTSUPP", Get("f", "nothing.a"));
  FAILS(EOPNOTSUPP, removexattr("f", "nothing.a"));
  FAILS(E2BIG, Set("f", "user.big", Long(65537)));
  FAILS(EFAULT, syscall(SYS_setxattr, "f", "user.a", 8, 5, 0));
  FAILS(EFAULT, syscall(SYS_setxattr, "f", 8, "1", 1, 0));
  FAILS(EFAULT, syscall(SYS_setxattr, 8, "user.a", "1", 1, 0));
  FAILS(ENOENT, Set("none", "user.a", "1"));
  FAILS(ENOENT, Set("", "user.a", "1"));
  FAILS(ENOTDIR, Set("f/x", "user.a", "1"));
}

BEHAVIOUR(kRoot, "user attributes are read and written as the content is") {
  WriteFile("f", "", 0604);
  OK(Set("f", "user.a", "1"));
  WriteFile("closed", "", 0602);
  OK(Set("closed", "user.a", "1"));
  As(kUser, [] {
    SAME("1", Get("f", "user.a"));
    SAME("user.a", List("f"));
    FAILS(EACCES, Set("f", "user.a", "2"));
    FAILS(EACCES, removexattr("f", "user.a"));
    SAME("EACCES", Get("closed", "user.a"));
    SAME("user.a", List("closed"));
    OK(Set("closed", "user.b", "2"));
    FAILS(EACCES, fsetxattr(OK(open("f", O_RDONLY)), "user.a", "2", 1, 0));
  });
}

BEHAVIOUR(kUsers, "an owner writes attributes of a file by its mode only") {
  WriteFile("f", "", 0444);
  FAILS(EACCES, Set("f", "user.a", "1"));
  OK(chmod("f", 0200));
  OK(Set("f", "user.a", "1"));
  SAME("EACCES", Get("f", "user.a"));
}

BEHAVIOUR(kEach, "links and special files carry no user attributes") {
  OK(symlink("none", "l"));
  OK(mkfifo("p", 0600));
  OK(mknod("s", S_IFSOCK | 0600, 0));
  for (const char* name : {"l", "p", "s"}) {
    FAILS(EPERM, Set(name, "user.a", "1"));
    SAME("ENODATA", Get(name, "user.a"));
    SAME("", List(name));
    FAILS(EPERM, lremovexattr(name, "user.a"));
  }
}

BEHAVIOUR(kRoot, "links, special files and devices carry trusted and security attributes") {
  OK(symlink("none", "l"));
  OK(mkfifo("p", 0600));
  OK(mknod("s", S_IFSOCK | 0600, 0));
  OK(mknod("c", S_IFCHR | 0600, makedev(1, 3)));
  for (const char* name : {"l", "p", "s", "c"}) {
    OK(Set(name, "trusted.a", "1"));
    SAME("1", Get(name, "trusted.a"));
    SAME("trusted.a", List(name));
    FAILS(EEXIST, Set(name, "trusted.a", "2", XATTR_CREATE));
    FAILS(ENODATA, Set(name, "trusted.b", "2", XATTR_REPLACE));
    OK(Set(name, "trusted.a", "2", XATTR_REPLACE));
    OK(Set(name, "security.b", "3"));
    SAME("security.b,trusted.a", List(name));
    OK(lremovexattr(name, "trusted.a"));
    FAILS(ENODATA, lremovexattr(name, "trusted.a"));
    SAME("3", Get(name, "security.b"));
  }
}

BEHAVIOUR(kRoot, "trusted attributes are root's alone") {
  WriteFile("f", "", 0666);
  OK(Set("f", "trusted.a", "1"));
  OK(Set("f", "user.b", "2"));
  Own("f", kUser, kUser);
  SAME("1", Get("f", "trusted.a"));
  SAME("trusted.a,user.b", List("f"));
  As(kUser, [] {
    SAME("ENODATA", Get("f", "trusted.a"));
    SAME("user.b", List("f"));
    FAILS(EPERM, Set("f", "trusted.a", "2"));
    FAILS(EPERM, removexattr("f", "trusted.a"));
  });
  OK(removexattr("f", "trusted.a"));
}

BEHAVIOUR(kRoot, "security attributes are set by root, told to all") {
  WriteFile("f", "", 0666);
  OK(Set("f", "security.a", "1"));
  Own("f", kUser, kUser);
  As(kUser, [] {
    SAME("1", Get("f", "security.a"));
    SAME("security.a", List("f"));
    FAILS(EPERM, Set("f", "security.a", "2"));
    FAILS(EPERM, removexattr("f", "security.a"));
    FAILS(EPERM, Set("f", "security.b", "2"));
  });
  OK(removexattr("f", "security.a"));
  SAME("ENODATA", Get("f", "security.a"));
}

BEHAVIOUR(kRoot, "a file's capability has to be one, and goes with a write or a chown") {
  WriteFile("f", "text", 0777);
  FAILS(EINVAL, Set("f", "security.capability", "1"));
  OK(Set("f", "security.capability", Capability(0x400)));
  SAME("security.capability", List("f"));
  SAME(20, Get("f", "security.capability").size());
  As(kUser, [] {
    SAME(20, Get("f", "security.capability").size());
    FAILS(EPERM, Set("f", "security.capability", Capability(1)));
    FAILS(EPERM, removexattr("f", "security.capability"));
  });
  OK(chown("f", kUser, kUser));
  SAME("ENODATA", Get("f", "security.capability"));
  OK(Set("f", "security.capability", Capability(0x400)));
  As(kUser, [] { OK(write(OK(open("f", O_WRONLY)), "x", 1)); });
  SAME("ENODATA", Get("f", "security.capability"));
  OK(Set("f", "security.capability", Capability(0x400)));
  OK(truncate("f", 1));
  SAME("ENODATA", Get("f", "security.capability"));
  OK(Set("f", "security.capability", Capability(0x400)));
  OK(write(OK(open("f", O_WRONLY)), "x", 1));
  SAME("ENODATA", Get("f", "security.capability"));
}

BEHAVIOUR(kRoot, "the attributes of a file in a folder that isn't to be searched are EACCES") {
  MakeFolder("closed", 0700);
  WriteFile("closed/f", "", 0666);
  As(kUser, [] {
    SAME("EACCES", Get("closed/f", "user.a"));
    SAME("EACCES", Get("closed/f", "trusted.a"));
    SAME("EACCES", List("closed/f"));
    FAILS(EACCES, Set("closed/f", "user.a", "1"));
    FAILS(EACCES, removexattr("closed/f", "user.a"));
  });
}

BEHAVIOUR(kRoot, "in another's sticky folder only the owner changes a folder's user attributes") {
  MakeFolder("t", 01777);
  As(kUser, [] {
    FAILS(EPERM, Set("t", "user.a", "1"));
    SAME("ENODATA", Get("t", "user.a"));
  });
  OK(Set("t", "user.a", "1"));
}

BEHAVIOUR(kEach, "attributes go with a rename and are shared by links") {
  WriteFile("f");
  OK(Set("f", "user.a", "1"));
  OK(rename("f", "g"));
  OK(link("g", "h"));
  SAME("1", Get("g", "user.a"));
  OK(Set("h", "user.b", "2"));
  SAME("2", Get("g", "user.b"));
}

}  // namespace
}  // namespace wslm::conformance
