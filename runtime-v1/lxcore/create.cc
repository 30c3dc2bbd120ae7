#include "runtime-v1/lxcore/create.h"

#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {

bool IsPlainForm(const GuestAttributes& attributes) {
  if (attributes.uid != 0 || attributes.gid != 0) return false;
  if (S_ISLNK(attributes.mode)) return true;
  if (attributes.mode & 07000) return false;
  if (S_ISDIR(attributes.mode)) return (attributes.mode & 0700) == 0700;
  if (S_ISREG(attributes.mode)) return (attributes.mode & 0400) != 0;
  return !S_ISCHR(attributes.mode) && !S_ISBLK(attributes.mode);
}

GuestAttributes AttributesToMake(Kernel& k, const Call& call, const Credentials& c, const Target& target, uint32_t mode,
                                 uint64_t rdev) {
  GuestAttributes attributes = AttributesOfNew(c, target.parent, mode, rdev);
  // Root's plain files are made by the kernel, which applies the umask itself: it is read only where lxcore does.
  const bool kernels = target.parent.mount == MountKind::kLxfs && IsPlainForm(attributes);
  if (!S_ISLNK(mode) && !kernels) attributes.mode &= ~UmaskOf(k.proc, call.tid());
  return attributes;
}

bool KernelMakes(const Credentials& c, const GuestFile& parent, const GuestAttributes& made) {
  if (parent.mount == MountKind::kDrvfs) return !S_ISREG(made.mode) && !S_ISDIR(made.mode);
  return c.IsFileRoot() && IsPlainForm(made);
}

bool KernelKeepsOwners(const GuestFile& parent) {
  return parent.mount != MountKind::kLxfs && (parent.mount != MountKind::kDrvfs || parent.is_everyones());
}

}  // namespace wslm::lxcore
