// mount(2) by root in a mount namespace of its own.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "namespaces/mounts";

void OwnMounts() {
  OK(unshare(CLONE_NEWNS));
  OK(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
  MakeFolder("m");
}

BEHAVIOUR(kRoot, "a tmpfs has the owner and mode of its options") {
  OwnMounts();
  OK(mount("t", "m", "tmpfs", 0, "uid=1000,gid=4321,mode=2770"));
  SAME(kUser, StatOf("m").st_uid);
  SAME(kOther, StatOf("m").st_gid);
  SAME(02770, ModeOf("m"));
  As(kUser, [] {
    WriteFile("m/f");
    SAME(kUser, StatOf("m/f").st_uid);
    SAME(kOther, StatOf("m/f").st_gid);
  });
}

BEHAVIOUR(kRoot, "a devpts of its own gives terminals to the group of its options") {
  OwnMounts();
  OK(mount("d", "m", "devpts", 0, "newinstance,gid=5,mode=620,ptmxmode=666"));
  const int master = OK(open("m/ptmx", O_RDWR | O_NOCTTY));
  THAT(master >= 0);
  SAME(5, StatOf("m/0").st_gid);
  SAME(0620, ModeOf("m/0"));
}

BEHAVIOUR(kRoot, "binds and overlays show the owners below") {
  OwnMounts();
  for (const char* name : {"low", "up", "work"}) MakeFolder(name);
  WriteFile("low/f", "low");
  Own("low/f", 5, 6);
  OK(mount("low", "m", nullptr, MS_BIND, nullptr));
  SAME(5, StatOf("m/f").st_uid);
  OK(umount("m"));
  OK(mount("o", "m", "overlay", 0, "lowerdir=low,upperdir=up,workdir=work"));
  SAME(6, StatOf("m/f").st_gid);
  OK(chown("m/f", 7, 8));
  SAME(7, StatOf("m/f").st_uid);
  SAME(5, StatOf("low/f").st_uid);
}

BEHAVIOUR(kRoot, "wrong options and places are told") {
  OwnMounts();
  FAILS(EINVAL, mount("t", "m", "tmpfs", 0, "uid=x"));
  FAILS(ENOENT, mount("t", "none", "tmpfs", 0, "uid=5"));
  FAILS(ENODEV, mount("t", "m", "nonesuch", 0, nullptr));
  FAILS(EINVAL, umount("m"));
}

}  // namespace
}  // namespace wslm::conformance
