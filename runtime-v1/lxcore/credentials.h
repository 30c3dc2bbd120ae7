// Who a guest thread is, and Linux' rules for how that changes: credentials(7), capabilities(7), as pure functions.
//
//   Credentials next = current;
//   if (int error = SetResUid(next, 1000, 1000, 1000)) return Reply::Error(error);
//   table.Intern(next);
//
// Nothing here touches the host: to the host's kernel every guest thread is the one mapped id.
#ifndef WSLM_RUNTIME_V1_LXCORE_CREDENTIALS_H_
#define WSLM_RUNTIME_V1_LXCORE_CREDENTIALS_H_

#include <linux/capability.h>

#include <cstdint>
#include <vector>

namespace wslm::lxcore {

using CapabilitySet = uint64_t;

constexpr CapabilitySet CapabilityBit(int capability) { return CapabilitySet{1} << capability; }
inline constexpr CapabilitySet kAllCapabilities = (CapabilitySet{1} << (CAP_LAST_CAP + 1)) - 1;
// What following fsuid turns on and off (capabilities(7), "Effect of user ID changes").
inline constexpr CapabilitySet kFileCapabilities = CapabilityBit(CAP_CHOWN) | CapabilityBit(CAP_DAC_OVERRIDE) |
                                                   CapabilityBit(CAP_DAC_READ_SEARCH) | CapabilityBit(CAP_FOWNER) |
                                                   CapabilityBit(CAP_FSETID) | CapabilityBit(CAP_LINUX_IMMUTABLE) |
                                                   CapabilityBit(CAP_MKNOD) | CapabilityBit(CAP_MAC_OVERRIDE);

struct Credentials {
  uint32_t ruid = 0, euid = 0, suid = 0, fsuid = 0;
  uint32_t rgid = 0, egid = 0, sgid = 0, fsgid = 0;
  std::vector<uint32_t> groups;  // sorted, as the kernel keeps them
  CapabilitySet permitted = kAllCapabilities;
  CapabilitySet effective = kAllCapabilities;
  CapabilitySet inheritable = 0;
  CapabilitySet ambient = 0;
  CapabilitySet bounding = kAllCapabilities;
  uint32_t securebits = 0;
  // The guest's own wish: the kernel's flag is always set.
  bool no_new_privs = false;

  friend bool operator==(const Credentials&, const Credentials&) = default;

  bool Has(int capability) const { return (effective & CapabilityBit(capability)) != 0; }
  bool InGroup(uint32_t gid) const;
  // Root with every right over files: for it the kernel's own answer is right wherever no record changes it.
  bool IsFileRoot() const { return fsuid == 0 && fsgid == 0 && (effective & kFileCapabilities) == kFileCapabilities; }
};

inline constexpr uint32_t kKeep = UINT32_MAX;  // -1: leave this id as it is

// The system calls of the same names. They change `c` and answer 0, or leave it and answer an errno.
int SetUid(Credentials& c, uint32_t uid);
int SetReUid(Credentials& c, uint32_t ruid, uint32_t euid);
int SetResUid(Credentials& c, uint32_t ruid, uint32_t euid, uint32_t suid);
int SetGid(Credentials& c, uint32_t gid);
int SetReGid(Credentials& c, uint32_t rgid, uint32_t egid);
int SetResGid(Credentials& c, uint32_t rgid, uint32_t egid, uint32_t sgid);
int SetGroups(Credentials& c, std::vector<uint32_t> groups);
// These never fail: a forbidden change leaves the id.
void SetFsUid(Credentials& c, uint32_t uid);
void SetFsGid(Credentials& c, uint32_t gid);

int SetCapabilities(Credentials& c, CapabilitySet permitted, CapabilitySet effective, CapabilitySet inheritable);
int DropBounding(Credentials& c, uint64_t capability);
int SetSecureBits(Credentials& c, uint64_t bits);
int SetKeepCapabilities(Credentials& c, uint64_t keep);
// prctl(PR_CAP_AMBIENT): the answer (0 or 1), or a negative errno.
int ChangeAmbient(Credentials& c, uint64_t operation, uint64_t capability);

// What execve of a file does. `mode`, `uid` and `gid` are the guest's view of it.
Credentials AfterExec(const Credentials& c, uint32_t mode, uint32_t uid, uint32_t gid);

// Whether `c` may do `wanted` (R_OK | W_OK | X_OK) to a file, capabilities included.
bool MayAccess(const Credentials& c, uint32_t mode, uint32_t uid, uint32_t gid, int wanted);
// The same with the real ids and the permitted set, as access(2) asks.
Credentials RealIdentity(const Credentials& c);
// Whether `c` may send `signal` to a thread that has `target`; `same_session` lets SIGCONT through.
bool MaySignal(const Credentials& c, const Credentials& target, int signal, bool same_session);
// Whether `c` may look into or change a process that has `target` (ptrace(2), "Ptrace access mode checking").
bool MayTrace(const Credentials& c, const Credentials& target);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_CREDENTIALS_H_
