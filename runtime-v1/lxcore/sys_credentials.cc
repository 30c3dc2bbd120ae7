// credentials(7), capabilities(7): who the caller is, from the table.
#include <errno.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <optional>
#include <tuple>
#include <vector>

#include "runtime-v1/lxcore/fast_path.h"
#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/handlers.h"
#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

Reply Changed(Kernel& k, const Call& call, int error, const Credentials& next) {
  return Reply::Error(error != 0 ? error : k.identities.Assign(call.tid(), next, call.journal(), 0));
}

enum class IdKind { kUser, kGroup };

std::optional<uint32_t> Given(Kernel& k, const Call& call, IdKind kind, uint32_t id) {
  return kind == IdKind::kUser ? k.GivenUid(call, id) : k.GivenGid(call, id);
}

// `change` of the caller's credentials, with as many ids as it takes.
template <size_t kIds, typename Change>
Reply ChangeIds(Kernel& k, const Call& call, IdKind kind, Change change) {
  std::array<uint32_t, kIds> ids;
  for (size_t i = 0; i < kIds; ++i) {
    const std::optional<uint32_t> id = Given(k, call, kind, call.id_arg(static_cast<int>(i)));
    if (!id) return Reply::Error(EINVAL);
    ids[i] = *id;
  }
  Credentials c = k.CredentialsOf(call);
  const int error = std::apply([&](auto... id) { return change(c, id...); }, ids);
  return Changed(k, call, error, c);
}

Reply WriteThree(const Call& call, uint32_t first, uint32_t second, uint32_t third) {
  const uint32_t ids[] = {first, second, third};
  for (int i = 0; i < 3; ++i) {
    if (int error = WriteGuest(call.tid(), call.arg(i), &ids[i], sizeof(ids[i]))) return Reply::Error(error);
  }
  return Reply::Value(0);
}

// How many 32-bit words each set has in the version a capget or capset header names; 0: unknown.
int WordsOfVersion(uint32_t version) {
  switch (version) {
    case _LINUX_CAPABILITY_VERSION_1:
      return 1;
    case _LINUX_CAPABILITY_VERSION_2:
    case _LINUX_CAPABILITY_VERSION_3:
      return 2;
    default:
      return 0;
  }
}

// Reads the header; answers the words, or tells the guest which version would do (EINVAL).
int ReadCapabilityHeader(const Call& call, __user_cap_header_struct& header, int& words) {
  if (int error = ReadGuest(call.tid(), call.arg(0), &header, sizeof(header))) return error;
  words = WordsOfVersion(header.version);
  if (words != 0) return 0;
  header.version = _LINUX_CAPABILITY_VERSION_3;
  const int error = WriteGuest(call.tid(), call.arg(0), &header.version, sizeof(header.version));
  return error != 0 ? error : EINVAL;
}

}  // namespace

Reply SysGetUid(Kernel& k, const Call& call) { return Reply::Value(k.ShownUid(call, k.CredentialsOf(call).ruid)); }
Reply SysGetGid(Kernel& k, const Call& call) { return Reply::Value(k.ShownGid(call, k.CredentialsOf(call).rgid)); }
Reply SysGetEUid(Kernel& k, const Call& call) { return Reply::Value(k.ShownUid(call, k.CredentialsOf(call).euid)); }
Reply SysGetEGid(Kernel& k, const Call& call) { return Reply::Value(k.ShownGid(call, k.CredentialsOf(call).egid)); }

Reply SysGetResUid(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  return WriteThree(call, k.ShownUid(call, c.ruid), k.ShownUid(call, c.euid), k.ShownUid(call, c.suid));
}

Reply SysGetResGid(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  return WriteThree(call, k.ShownGid(call, c.rgid), k.ShownGid(call, c.egid), k.ShownGid(call, c.sgid));
}

Reply SysSetUid(Kernel& k, const Call& call) { return ChangeIds<1>(k, call, IdKind::kUser, SetUid); }
Reply SysSetGid(Kernel& k, const Call& call) { return ChangeIds<1>(k, call, IdKind::kGroup, SetGid); }
Reply SysSetReUid(Kernel& k, const Call& call) { return ChangeIds<2>(k, call, IdKind::kUser, SetReUid); }
Reply SysSetReGid(Kernel& k, const Call& call) { return ChangeIds<2>(k, call, IdKind::kGroup, SetReGid); }
Reply SysSetResUid(Kernel& k, const Call& call) { return ChangeIds<3>(k, call, IdKind::kUser, SetResUid); }
Reply SysSetResGid(Kernel& k, const Call& call) { return ChangeIds<3>(k, call, IdKind::kGroup, SetResGid); }

Reply SysSetFsUid(Kernel& k, const Call& call) {
  Credentials c = k.CredentialsOf(call);
  const uint32_t old = k.ShownUid(call, c.fsuid);
  SetFsUid(c, k.GivenUid(call, call.id_arg(0)).value_or(kKeep));
  k.identities.Assign(call.tid(), c, call.journal(), old);
  return Reply::Value(old);
}

Reply SysSetFsGid(Kernel& k, const Call& call) {
  Credentials c = k.CredentialsOf(call);
  const uint32_t old = k.ShownGid(call, c.fsgid);
  SetFsGid(c, k.GivenGid(call, call.id_arg(0)).value_or(kKeep));
  k.identities.Assign(call.tid(), c, call.journal(), old);
  return Reply::Value(old);
}

Reply SysGetGroups(Kernel& k, const Call& call) {
  std::vector<uint32_t> groups = k.CredentialsOf(call).groups;
  for (uint32_t& group : groups) group = k.ShownGid(call, group);
  const int room = call.int_arg(0);
  if (room < 0) return Reply::Error(EINVAL);
  if (room == 0) return Reply::Value(groups.size());
  if (static_cast<size_t>(room) < groups.size()) return Reply::Error(EINVAL);
  if (int error = WriteGuest(call.tid(), call.arg(1), groups.data(), groups.size() * sizeof(groups[0]))) {
    return Reply::Error(error);
  }
  return Reply::Value(groups.size());
}

Reply SysSetGroups(Kernel& k, const Call& call) {
  Credentials c = k.CredentialsOf(call);
  const bool may =
      c.HasHere(CAP_SETGID) && (!c.nested || k.user_namespaces.SetGroupsAllowed(std::to_string(call.tid())));
  if (!may) return Reply::Error(EPERM);
  if (call.id_arg(0) > NGROUPS_MAX) return Reply::Error(EINVAL);
  std::vector<uint32_t> groups(call.id_arg(0));
  if (int error = ReadGuest(call.tid(), call.arg(1), groups.data(), groups.size() * sizeof(groups[0]))) {
    return Reply::Error(error);
  }
  for (uint32_t& group : groups) {
    const std::optional<uint32_t> given = group == kKeep ? std::nullopt : k.GivenGid(call, group);
    if (!given) return Reply::Error(EINVAL);
    group = *given;
  }
  const int error = SetGroups(c, std::move(groups));
  return Changed(k, call, error, c);
}

Reply SysCapGet(Kernel& k, const Call& call) {
  __user_cap_header_struct header;
  int words;
  if (int error = ReadCapabilityHeader(call, header, words)) {
    // A null buffer asks which version is right.
    return Reply::Error(error == EINVAL && call.arg(1) == 0 ? 0 : error);
  }
  if (header.pid < 0) return Reply::Error(EINVAL);
  Credentials c = k.CredentialsOf(call);
  if (header.pid != 0 && header.pid != InnerThreadId(k.proc, call.tid())) {
    if (int error = k.paths.EnterRootOf(call.tid())) return Reply::Error(error);
    const auto other = k.identities.OfProcDirectory(AT_FDCWD, "/proc/" + std::to_string(header.pid));
    if (!other) return Reply::Error(ESRCH);
    c = *other;
  }
  if (call.arg(1) == 0) return Reply::Value(0);
  __user_cap_data_struct data[2];
  for (int i = 0; i < 2; ++i) {
    data[i].effective = static_cast<uint32_t>(c.effective >> (32 * i));
    data[i].permitted = static_cast<uint32_t>(c.permitted >> (32 * i));
    data[i].inheritable = static_cast<uint32_t>(c.inheritable >> (32 * i));
  }
  return Reply::Error(WriteGuest(call.tid(), call.arg(1), data, words * sizeof(data[0])));
}

Reply SysCapSet(Kernel& k, const Call& call) {
  __user_cap_header_struct header;
  int words;
  if (int error = ReadCapabilityHeader(call, header, words)) return Reply::Error(error);
  if (header.pid != 0 && header.pid != InnerThreadId(k.proc, call.tid())) return Reply::Error(EPERM);
  __user_cap_data_struct data[2] = {};
  if (int error = ReadGuest(call.tid(), call.arg(1), data, words * sizeof(data[0]))) return Reply::Error(error);
  auto set = [](uint32_t low, uint32_t high) { return low | static_cast<CapabilitySet>(high) << 32; };
  Credentials c = k.CredentialsOf(call);
  const int error =
      SetCapabilities(c, set(data[0].permitted, data[1].permitted), set(data[0].effective, data[1].effective),
                      set(data[0].inheritable, data[1].inheritable));
  return Changed(k, call, error, c);
}

Reply SysPrctl(Kernel& k, const Call& call) {
  Credentials c = k.CredentialsOf(call);
  const uint64_t value = call.arg(1);
  switch (call.int_arg(0)) {
    case PR_GET_KEEPCAPS:
      return Reply::Value((c.securebits >> 4) & 1);
    case PR_SET_KEEPCAPS: {
      const int error = SetKeepCapabilities(c, value);
      return Changed(k, call, error, c);
    }
    case PR_GET_SECUREBITS:
      return Reply::Value(c.securebits);
    case PR_SET_SECUREBITS: {
      const int error = SetSecureBits(c, value);
      return Changed(k, call, error, c);
    }
    case PR_CAPBSET_READ:
      if (value > CAP_LAST_CAP) return Reply::Error(EINVAL);
      return Reply::Value((c.bounding >> value) & 1);
    case PR_CAPBSET_DROP: {
      const int error = DropBounding(c, value);
      return Changed(k, call, error, c);
    }
    case PR_CAP_AMBIENT: {
      if (call.arg(3) != 0 || call.arg(4) != 0) return Reply::Error(EINVAL);
      const int result = ChangeAmbient(c, value, call.arg(2));
      if (result != 0) return Reply::Value(result);
      return Changed(k, call, 0, c);
    }
    case PR_GET_NO_NEW_PRIVS:
      if (value != 0 || call.arg(2) != 0 || call.arg(3) != 0 || call.arg(4) != 0) return Reply::Error(EINVAL);
      return Reply::Value(c.no_new_privs);
    case PR_SET_NO_NEW_PRIVS:
      if (value != 1 || call.arg(2) != 0 || call.arg(3) != 0 || call.arg(4) != 0) return Reply::Error(EINVAL);
      c.no_new_privs = true;
      return Changed(k, call, 0, c);
    // The timer slack carries the credentials' number: it is shown as if it were the default.
    case PR_GET_TIMERSLACK:
      return Reply::Value(kDefaultSlack);
    case PR_SET_TIMERSLACK:
      return Reply::Value(0);
    // Where programs and stacks begin tells lxcore whether an exec was done (identities.h).
    case PR_SET_MM:
      return Reply::Error(EPERM);
    case PR_SET_SECCOMP:
      return value == SECCOMP_MODE_FILTER ? SysRestrictSelf(k, call) : Reply::Continue();
    default:
      return Reply::Continue();
  }
}

Reply SysSeccomp(Kernel& k, const Call& call) { return SysRestrictSelf(k, call); }

Reply SysRestrictSelf(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.no_new_privs || c.HasHere(CAP_SYS_ADMIN)) {
    if (call.number() != SYS_landlock_restrict_self) k.fast_path.BeforeNewFilter(call.tid());
    return Reply::Continue();
  }
  return Reply::Error(call.number() == SYS_landlock_restrict_self ? EPERM : EACCES);
}

}  // namespace wslm::lxcore
