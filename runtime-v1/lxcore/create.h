// Making files with owners that the host doesn't know.
#ifndef WSLM_RUNTIME_V1_LXCORE_CREATE_H_
#define WSLM_RUNTIME_V1_LXCORE_CREATE_H_

#include "runtime-v1/lxcore/kernel.h"

namespace wslm::lxcore {

// Whether the kernel may make `attributes` by itself, from the guest's own arguments: root's, with no bit that a host
// file mustn't have. `parent` must be a folder of the distro's.
bool IsPlainForm(const GuestAttributes& attributes);
// What is to be made.
struct NewFile {
  GuestAttributes attributes;
  // Access lists from the folder's default.
  GuestXattrs lists;
  // The folder has a default list, which stands for the umask.
  bool inherits = false;
};
// What `c` would make in target.parent, with the caller's umask applied, or the folder's default list.
NewFile WhatToMake(Kernel& k, const Call& call, const Credentials& c, const Target& target, uint32_t mode,
                   uint64_t rdev = 0);
// Whether the kernel may make `made` in `parent` for `c` by itself: nothing has to be kept of it.
bool KernelMakes(const Credentials& c, const GuestFile& parent, const NewFile& made);
// Nothing is to be kept for files made there.
bool KernelKeepsOwners(const GuestFile& parent);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_CREATE_H_
