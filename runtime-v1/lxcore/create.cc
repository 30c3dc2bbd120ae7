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

NewFile WhatToMake(Kernel& k, const Call& call, const Credentials& c, const Target& target, uint32_t mode,
                   uint64_t rdev) {
  NewFile made = {.attributes = AttributesOfNew(c, target.parent, mode, rdev), .lists = {}};
  if (S_ISLNK(mode)) return made;
  AccessList list;
  if (k.files.GetList(target.parent_name, 0, target.parent, kDefaultListXattr, list) == 0 && !list.empty()) {
    made.inherits = true;
    if (S_ISDIR(mode)) made.lists[kDefaultListXattr] = EncodeAccessList(list);
    InheritList(list, made.attributes.mode);
    if (!SaysOnlyMode(list)) made.lists[kAccessListXattr] = EncodeAccessList(list);
    return made;
  }
  // Root's plain files are made by the kernel, which applies the umask itself: it is read only where lxcore does.
  const bool kernels = target.parent.mount == MountKind::kLxfs && IsPlainForm(made.attributes);
  if (!kernels) made.attributes.mode &= ~UmaskOf(k.proc, call.tid());
  return made;
}

bool KernelMakes(const Credentials& c, const GuestFile& parent, const NewFile& made) {
  const uint32_t mode = made.attributes.mode;
  if (parent.mount == MountKind::kDrvfs) return !S_ISREG(mode) && !S_ISDIR(mode);
  return c.IsFileRoot() && !made.inherits && IsPlainForm(made.attributes);
}

bool KernelKeepsOwners(const GuestFile& parent) {
  return parent.mount != MountKind::kLxfs && (parent.mount != MountKind::kDrvfs || parent.is_everyones());
}

}  // namespace wslm::lxcore
