#include "runtime-v1/lxcore/credentials.h"

#include <endian.h>
#include <errno.h>
#include <linux/securebits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace wslm::lxcore {
namespace {

// What a change of user ids does to the capability sets.
void FollowUserIds(const Credentials& old, Credentials& c) {
  if (c.securebits & issecure_mask(SECURE_NO_SETUID_FIXUP)) return;
  const bool had_root = old.ruid == c.root || old.euid == c.root || old.suid == c.root;
  const bool has_root = c.ruid == c.root || c.euid == c.root || c.suid == c.root;
  if (had_root && !has_root) {
    if (!(c.securebits & issecure_mask(SECURE_KEEP_CAPS))) {
      c.permitted = 0;
      c.effective = 0;
    }
    c.ambient = 0;
  }
  if (old.euid == c.root && c.euid != c.root) c.effective = 0;
  if (old.euid != c.root && c.euid == c.root) c.effective = c.permitted;
}

}  // namespace

bool Credentials::InGroup(uint32_t gid) const {
  return gid == fsgid || std::binary_search(groups.begin(), groups.end(), gid);
}

int SetUid(Credentials& c, uint32_t uid) {
  if (uid == kKeep) return EINVAL;
  const Credentials old = c;
  if (c.HasHere(CAP_SETUID)) {
    c.ruid = c.suid = uid;
  } else if (uid != c.ruid && uid != c.suid) {
    return EPERM;
  }
  c.euid = c.fsuid = uid;
  FollowUserIds(old, c);
  return 0;
}

int SetReUid(Credentials& c, uint32_t ruid, uint32_t euid) {
  const Credentials old = c;
  const bool privileged = c.HasHere(CAP_SETUID);
  if (ruid != kKeep && !privileged && ruid != old.ruid && ruid != old.euid) return EPERM;
  if (euid != kKeep && !privileged && euid != old.ruid && euid != old.euid && euid != old.suid) return EPERM;
  if (ruid != kKeep) c.ruid = ruid;
  if (euid != kKeep) c.euid = euid;
  if (ruid != kKeep || (euid != kKeep && euid != old.ruid)) c.suid = c.euid;
  c.fsuid = c.euid;
  FollowUserIds(old, c);
  return 0;
}

namespace {

// setres*id(2) that changes nothing: it leaves the file system's id, too.
bool IsNoChange(uint32_t real, uint32_t effective, uint32_t saved, uint32_t now_real, uint32_t now_effective,
                uint32_t now_saved, uint32_t now_fs) {
  const bool keeps_effective = effective == kKeep || (effective == now_effective && effective == now_fs);
  return (real == kKeep || real == now_real) && keeps_effective && (saved == kKeep || saved == now_saved);
}

}  // namespace

int SetResUid(Credentials& c, uint32_t ruid, uint32_t euid, uint32_t suid) {
  const Credentials old = c;
  if (IsNoChange(ruid, euid, suid, c.ruid, c.euid, c.suid, c.fsuid)) return 0;
  for (uint32_t id : {ruid, euid, suid}) {
    if (id == kKeep || c.HasHere(CAP_SETUID)) continue;
    if (id != c.ruid && id != c.euid && id != c.suid) return EPERM;
  }
  if (ruid != kKeep) c.ruid = ruid;
  if (euid != kKeep) c.euid = euid;
  if (suid != kKeep) c.suid = suid;
  c.fsuid = c.euid;
  FollowUserIds(old, c);
  return 0;
}

int SetGid(Credentials& c, uint32_t gid) {
  if (gid == kKeep) return EINVAL;
  if (c.HasHere(CAP_SETGID)) {
    c.rgid = c.sgid = gid;
  } else if (gid != c.rgid && gid != c.sgid) {
    return EPERM;
  }
  c.egid = c.fsgid = gid;
  return 0;
}

int SetReGid(Credentials& c, uint32_t rgid, uint32_t egid) {
  const Credentials old = c;
  const bool privileged = c.HasHere(CAP_SETGID);
  if (rgid != kKeep && !privileged && rgid != old.rgid && rgid != old.egid) return EPERM;
  if (egid != kKeep && !privileged && egid != old.rgid && egid != old.egid && egid != old.sgid) return EPERM;
  if (rgid != kKeep) c.rgid = rgid;
  if (egid != kKeep) c.egid = egid;
  if (rgid != kKeep || (egid != kKeep && egid != old.rgid)) c.sgid = c.egid;
  c.fsgid = c.egid;
  return 0;
}

int SetResGid(Credentials& c, uint32_t rgid, uint32_t egid, uint32_t sgid) {
  if (IsNoChange(rgid, egid, sgid, c.rgid, c.egid, c.sgid, c.fsgid)) return 0;
  for (uint32_t id : {rgid, egid, sgid}) {
    if (id == kKeep || c.HasHere(CAP_SETGID)) continue;
    if (id != c.rgid && id != c.egid && id != c.sgid) return EPERM;
  }
  if (rgid != kKeep) c.rgid = rgid;
  if (egid != kKeep) c.egid = egid;
  if (sgid != kKeep) c.sgid = sgid;
  c.fsgid = c.egid;
  return 0;
}

int SetGroups(Credentials& c, std::vector<uint32_t> groups) {
  if (!c.HasHere(CAP_SETGID)) return EPERM;
  std::sort(groups.begin(), groups.end());
  c.groups = std::move(groups);
  return 0;
}

void SetFsUid(Credentials& c, uint32_t uid) {
  if (uid == kKeep || uid == c.fsuid) return;
  if (!c.HasHere(CAP_SETUID) && uid != c.ruid && uid != c.euid && uid != c.suid) return;
  const uint32_t old = c.fsuid;
  c.fsuid = uid;
  if (c.securebits & issecure_mask(SECURE_NO_SETUID_FIXUP)) return;
  if (old == c.root) c.effective &= ~kFileCapabilities;
  if (uid == c.root) c.effective |= c.permitted & kFileCapabilities;
}

void SetFsGid(Credentials& c, uint32_t gid) {
  if (gid == kKeep) return;
  if (!c.HasHere(CAP_SETGID) && gid != c.rgid && gid != c.egid && gid != c.sgid) return;
  c.fsgid = gid;
}

int SetCapabilities(Credentials& c, CapabilitySet permitted, CapabilitySet effective, CapabilitySet inheritable) {
  permitted &= kAllCapabilities;
  effective &= kAllCapabilities;
  inheritable &= kAllCapabilities;
  if (!c.HasHere(CAP_SETPCAP) && (inheritable & ~(c.inheritable | c.permitted))) return EPERM;
  if (inheritable & ~(c.inheritable | c.bounding)) return EPERM;
  if (permitted & ~c.permitted) return EPERM;
  if (effective & ~permitted) return EPERM;
  c.permitted = permitted;
  c.effective = effective;
  c.inheritable = inheritable;
  c.ambient &= permitted & inheritable;
  return 0;
}

int DropBounding(Credentials& c, uint64_t capability) {
  if (!c.HasHere(CAP_SETPCAP)) return EPERM;
  if (capability > CAP_LAST_CAP) return EINVAL;
  c.bounding &= ~CapabilityBit(static_cast<int>(capability));
  return 0;
}

int SetSecureBits(Credentials& c, uint64_t bits) {
  const uint32_t locked = (c.securebits & SECURE_ALL_LOCKS) >> 1;
  if ((locked & (c.securebits ^ bits)) || (c.securebits & SECURE_ALL_LOCKS & ~bits) ||
      (bits & ~uint64_t{SECURE_ALL_LOCKS | SECURE_ALL_BITS}) || !c.HasHere(CAP_SETPCAP)) {
    return EPERM;
  }
  c.securebits = static_cast<uint32_t>(bits);
  return 0;
}

int SetKeepCapabilities(Credentials& c, uint64_t keep) {
  if (keep > 1) return EINVAL;
  if (c.securebits & issecure_mask(SECURE_KEEP_CAPS_LOCKED)) return EPERM;
  c.securebits &= ~issecure_mask(SECURE_KEEP_CAPS);
  if (keep) c.securebits |= issecure_mask(SECURE_KEEP_CAPS);
  return 0;
}

int ChangeAmbient(Credentials& c, uint64_t operation, uint64_t capability) {
  if (operation == PR_CAP_AMBIENT_CLEAR_ALL) {
    if (capability != 0) return -EINVAL;
    c.ambient = 0;
    return 0;
  }
  if (capability > CAP_LAST_CAP) return -EINVAL;
  const CapabilitySet bit = CapabilityBit(static_cast<int>(capability));
  switch (operation) {
    case PR_CAP_AMBIENT_IS_SET:
      return (c.ambient & bit) != 0;
    case PR_CAP_AMBIENT_LOWER:
      c.ambient &= ~bit;
      return 0;
    case PR_CAP_AMBIENT_RAISE:
      if (!(c.permitted & bit) || !(c.inheritable & bit) ||
          (c.securebits & issecure_mask(SECURE_NO_CAP_AMBIENT_RAISE))) {
        return -EPERM;
      }
      c.ambient |= bit;
      return 0;
    default:
      return -EINVAL;
  }
}

std::optional<FileCapabilities> ParseFileCapabilities(std::string_view value) {
  vfs_cap_data data = {};
  if (value.size() != XATTR_CAPS_SZ_2 && value.size() != XATTR_CAPS_SZ_3) return std::nullopt;
  std::memcpy(&data, value.data(), sizeof(data));
  const uint32_t magic = le32toh(data.magic_etc);
  const uint32_t revision = value.size() == XATTR_CAPS_SZ_2 ? VFS_CAP_REVISION_2 : VFS_CAP_REVISION_3;
  if ((magic & VFS_CAP_REVISION_MASK) != revision) return std::nullopt;
  if (revision == VFS_CAP_REVISION_3) {
    // For the root of another user namespace.
    uint32_t root;
    std::memcpy(&root, value.data() + sizeof(data), sizeof(root));
    if (root != 0) return std::nullopt;
  }
  auto set = [](uint32_t low, uint32_t high) {
    return (le32toh(low) | CapabilitySet{le32toh(high)} << 32) & kAllCapabilities;
  };
  return FileCapabilities{.permitted = set(data.data[0].permitted, data.data[1].permitted),
                          .inheritable = set(data.data[0].inheritable, data.data[1].inheritable),
                          .effective = (magic & VFS_CAP_FLAGS_EFFECTIVE) != 0};
}

ExecResult AfterExec(const Credentials& c, const ExecFile& file) {
  ExecResult result{.credentials = c};
  Credentials& next = result.credentials;
  if (S_ISREG(file.mode) && !c.no_new_privs) {
    if (file.mode & S_ISUID) next.euid = file.uid;
    if ((file.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) next.egid = file.gid;
  }
  CapabilitySet permitted = 0;
  bool effective = false;
  if (file.capabilities) {
    permitted = (c.bounding & file.capabilities->permitted) | (c.inheritable & file.capabilities->inheritable);
    effective = file.capabilities->effective;
    if (effective && (file.capabilities->permitted & ~permitted)) return {.error = EPERM, .credentials = c};
  }
  // A set-uid-root program that has capabilities gets these only.
  const bool own_set = file.capabilities && next.ruid != c.root && next.euid == c.root;
  if (!(c.securebits & issecure_mask(SECURE_NOROOT)) && !own_set) {
    if (next.ruid == c.root || next.euid == c.root) permitted = c.bounding | c.inheritable;
    if (next.euid == c.root) effective = true;
  }
  const bool other_id = next.euid != c.euid || (next.egid != c.egid && !c.InGroup(next.egid));
  const bool gains = (permitted & ~c.permitted) != 0;
  if ((other_id || gains) && (c.no_new_privs || file.traced)) {
    if (c.no_new_privs || !c.HasHere(CAP_SETUID)) {
      next.euid = next.ruid;
      next.egid = next.rgid;
    }
    permitted &= c.permitted;
  }
  next.suid = next.fsuid = next.euid;
  next.sgid = next.fsgid = next.egid;
  if (file.capabilities || other_id) next.ambient = 0;
  next.permitted = permitted | next.ambient;
  next.effective = effective ? next.permitted : next.ambient;
  next.securebits &= ~issecure_mask(SECURE_KEEP_CAPS);
  result.secure = other_id || next.euid != c.ruid || next.egid != c.rgid ||
                  (next.ruid != c.root && (effective || (next.permitted & ~next.ambient)));
  return result;
}

Credentials InNewNamespace(const Credentials& c) {
  Credentials next = c;
  next.permitted = next.effective = next.bounding = kAllCapabilities;
  next.inheritable = next.ambient = 0;
  next.securebits = 0;
  next.nested = true;
  next.root = kUnknownRoot;
  return next;
}

bool MayAccess(const Credentials& c, uint32_t mode, uint32_t uid, uint32_t gid, int wanted) {
  uint32_t bits = mode;
  if (c.fsuid == uid) {
    bits >>= 6;
  } else if (c.InGroup(gid)) {
    bits >>= 3;
  }
  return (wanted & ~static_cast<int>(bits & 7)) == 0 || MayOverride(c, mode, uid, wanted);
}

bool MayOverride(const Credentials& c, uint32_t mode, uint32_t uid, int wanted) {
  if (S_ISDIR(mode)) {
    if (c.HasOver(CAP_DAC_OVERRIDE, uid)) return true;
    return !(wanted & W_OK) && c.HasOver(CAP_DAC_READ_SEARCH, uid);
  }
  if (wanted == R_OK && c.HasOver(CAP_DAC_READ_SEARCH, uid)) return true;
  return (!(wanted & X_OK) || (mode & 0111)) && c.HasOver(CAP_DAC_OVERRIDE, uid);
}

Credentials RealIdentity(const Credentials& c) {
  Credentials real = c;
  real.fsuid = c.ruid;
  real.fsgid = c.rgid;
  if (!(c.securebits & issecure_mask(SECURE_NO_SETUID_FIXUP))) real.effective = c.ruid == c.root ? c.permitted : 0;
  return real;
}

bool MaySignal(const Credentials& c, const Credentials& target, int signal, bool same_session) {
  if (c.euid == target.suid || c.euid == target.ruid || c.ruid == target.suid || c.ruid == target.ruid) return true;
  return c.Has(CAP_KILL) || (signal == SIGCONT && same_session);
}

bool MayTrace(const Credentials& c, const Credentials& target) {
  if (c.Has(CAP_SYS_PTRACE)) return true;
  const bool same_ids = c.ruid == target.ruid && c.ruid == target.euid && c.ruid == target.suid &&
                        c.rgid == target.rgid && c.rgid == target.egid && c.rgid == target.sgid;
  // Who made a user namespace has all rights in it.
  if (target.nested && !c.nested) return same_ids;
  return same_ids && c.nested == target.nested && (target.permitted & ~c.permitted) == 0;
}

}  // namespace wslm::lxcore
