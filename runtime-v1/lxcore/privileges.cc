#include "runtime-v1/lxcore/privileges.h"

namespace wslm::lxcore {

uint32_t WithoutSetId(const Credentials& c, const GuestAttributes& attributes) {
  uint32_t mode = attributes.mode & ~S_ISUID;
  if ((mode & S_IXGRP) || !(c.InGroup(attributes.gid) || c.HasOver(CAP_FSETID, attributes.uid))) mode &= ~S_ISGID;
  return mode;
}

int DropCapability(Kernel& k, const Target& target) {
  if (!target.file.has_record || target.file.mount != MountKind::kLxfs) return 0;
  const int error = k.files.RemoveKept(target.name, target.flags, target.file, kCapabilityXattr);
  return error == ENODATA ? 0 : error;
}

void DropPrivileges(Kernel& k, const Credentials& c, const Target& target) {
  if (target.file.type() != S_IFREG) return;
  DropCapability(k, target);
  GuestAttributes attributes = target.file.attributes;
  if (!(attributes.mode & (S_ISUID | S_ISGID)) || c.HasOver(CAP_FSETID, attributes.uid)) return;
  attributes.mode = WithoutSetId(c, attributes);
  if (attributes.mode != target.file.attributes.mode) {
    k.files.Set(target.name, target.flags, target.file, attributes);
  }
}

}  // namespace wslm::lxcore
