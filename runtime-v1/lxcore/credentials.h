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
#include <optional>
#include <string_view>
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

// What Credentials::root is in a user namespace that has no root, and in one of which that isn't known yet.
inline constexpr uint32_t kNoRoot = UINT32_MAX - 1;
inline constexpr uint32_t kUnknownRoot = UINT32_MAX;

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
  // In a user namespace that was made inside: the capabilities count there only. Ids are the distro's all the same.
  bool nested = false;
  // The user that is root in the namespace.
  uint32_t root = 0;
  // Who logged in: /proc/PID/loginuid. -1: nobody.
  uint32_t login = UINT32_MAX;

  friend bool operator==(const Credentials&, const Credentials&) = default;

  // Towards what is the distro's.
  bool Has(int capability) const { return !nested && HasHere(capability); }
  // Towards what is the own user namespace's.
  bool HasHere(int capability) const { return (effective & CapabilityBit(capability)) != 0; }
  // Towards a file of `owner`.
  bool HasOver(int capability, uint32_t owner) const {
    return nested ? owner == root && HasHere(capability) : Has(capability);
  }
  bool InGroup(uint32_t gid) const;
  // Root with every right over files: for it the kernel's own answer is right wherever no record changes it.
  bool IsFileRoot() const {
    return !nested && fsuid == 0 && fsgid == 0 && (effective & kFileCapabilities) == kFileCapabilities;
  }
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

// The attribute security.capability of a program.
struct FileCapabilities {
  CapabilitySet permitted = 0;
  CapabilitySet inheritable = 0;
  bool effective = false;
};
// nullopt: it isn't one, and means nothing.
std::optional<FileCapabilities> ParseFileCapabilities(std::string_view value);

// What the kernel will run: the program, or the last interpreter of a script.
struct ExecFile {
  // The guest's view of it, without the set-id bits that don't count where it is.
  uint32_t mode = 0, uid = 0, gid = 0;
  std::optional<FileCapabilities> capabilities;
  // Somebody traces the thread who hasn't CAP_SYS_PTRACE: nothing is gained.
  bool traced = false;
};
struct ExecResult {
  // EPERM: a program that can't do with fewer capabilities than it wants.
  int error = 0;
  Credentials credentials;
  // AT_SECURE
  bool secure = false;
};
ExecResult AfterExec(const Credentials& c, const ExecFile& file);

// What who makes a user namespace is in it.
Credentials InNewNamespace(const Credentials& c);

// Whether `c` may do `wanted` (R_OK | W_OK | X_OK) to a file, capabilities included.
bool MayAccess(const Credentials& c, uint32_t mode, uint32_t uid, uint32_t gid, int wanted);
// Whether capabilities alone let it.
bool MayOverride(const Credentials& c, uint32_t mode, uint32_t uid, int wanted);
// The same as MayAccess with the real ids and the permitted set, as access(2) asks.
Credentials RealIdentity(const Credentials& c);
// Whether `c` may send `signal` to a thread that has `target`; `same_session` lets SIGCONT through.
bool MaySignal(const Credentials& c, const Credentials& target, int signal, bool same_session);
// Whether `c` may look into or change a process that has `target` (ptrace(2), "Ptrace access mode checking").
bool MayTrace(const Credentials& c, const Credentials& target);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_CREDENTIALS_H_
