// What the handlers of system calls share, and how they find the file that a call is about.
#ifndef WSLM_RUNTIME_V1_LXCORE_KERNEL_H_
#define WSLM_RUNTIME_V1_LXCORE_KERNEL_H_

#include <errno.h>

#include <functional>
#include <optional>
#include <string>

#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/call.h"
#include "runtime-v1/lxcore/exec_environment.h"
#include "runtime-v1/lxcore/guest_files.h"
#include "runtime-v1/lxcore/guest_paths.h"
#include "runtime-v1/lxcore/identities.h"
#include "runtime-v1/lxcore/ipc_objects.h"
#include "runtime-v1/lxcore/limits.h"
#include "runtime-v1/lxcore/login_ids.h"
#include "runtime-v1/lxcore/senders.h"
#include "runtime-v1/lxcore/user_namespaces.h"
#include "runtime-v1/lxcore/waiting_calls.h"

namespace wslm::lxcore {

class FastPath;

// Target::error of what lies on a foreign file system (MountKind::kForeign) or beyond one: it is the kernel's to
// answer. Never a guest's errno.
inline constexpr int kElsewhere = EREMOTE;

// The file that a call names.
struct Target {
  // The kernel may still do the call with the guest's own arguments; `name` is what lxcore's thread uses.
  std::string name;
  // AT_SYMLINK_NOFOLLOW or 0: how `name` names the file.
  int flags = 0;
  // 0: `file` is the file's; else why not, ENOENT when only the last part is missing.
  int error = 0;
  GuestFile file;

  // The folder that holds it, and its name in there. Empty for "/", ".", ".." and files given by descriptor.
  std::string parent_name;
  std::string base;
  GuestFile parent;
  bool parent_known = false;
  bool trailing_slash = false;

  // What the names go through.
  UniqueFd parent_fd;
  UniqueFd file_fd;
};

enum ResolveOptions {
  kNoFollow = 1,    // the last part may be a link, which is meant itself
  kEmptyPath = 2,   // an empty path means the descriptor
  kWithParent = 4,  // fill `parent`
  kOnlyLook = 8,    // lxcore itself changes nothing by the name that it finds
};

struct Kernel {
  int proc;  // the host's /proc
  Identities& identities;
  GuestFiles& files;
  GuestPaths& paths;
  UserNamespaces& user_namespaces;
  ExecEnvironments& environments;
  IpcObjects& ipc;
  LoginIds& logins;
  Senders& senders;
  Limits& limits;
  WaitingCalls& waiting;
  FastPath& fast_path;
  // Takes what the side store holds to the disk. 0 or an errno.
  std::function<int()> flush;

  const Credentials& CredentialsOf(const Call& call);

  // Ids of the distro's as the caller's user namespace shows them, and those that the caller gives (kKeep stays).
  // nullopt: it has no such id.
  uint32_t ShownUid(const Call& call, uint32_t uid);
  uint32_t ShownGid(const Call& call, uint32_t gid);
  std::optional<uint32_t> GivenUid(const Call& call, uint32_t uid);
  std::optional<uint32_t> GivenGid(const Call& call, uint32_t gid);

  // Reads the path at `address` and finds its file, checking the rights of `c` on the way when it is not root.
  // 0, or an errno that the guest gets: the path can't be read, or a folder on the way can't be searched. Whatever is
  // the matter with the last part is in target.error.
  int Resolve(const Call& call, const Credentials& c, int folder, uint64_t address, int options, Target& target);
  int ResolvePath(const Call& call, const Credentials& c, int folder, const std::string& path, int options,
                  Target& target);
  // The file of a descriptor.
  int ResolveFd(const Call& call, int fd, Target& target);

  // Whether `c` may do R_OK|W_OK|X_OK on a file, host folders excepted: there the kernel's answer counts.
  static bool Allowed(const Credentials& c, const GuestFile& file, int wanted);
  // 0 or the errno for adding or removing a name in target.parent.
  static int MayChangeFolder(const Credentials& c, const Target& target);
  // The same, plus the sticky rule for removing target.file.
  static int MayRemove(const Credentials& c, const Target& target);

  // Of the caller's user namespace, one made inside.
  const IdMap& MapOf(const Call& call, UserNamespaces::Ids ids);
};

// Whether the caller's descriptor was opened with O_PATH, so that it names a file and lets nothing be done to it.
bool IsPathOnly(const Call& call, int fd);

// Owner and mode of a file made in `parent` by `c`; `mode` less the umask.
GuestAttributes AttributesOfNew(const Credentials& c, const GuestFile& parent, uint32_t mode, uint64_t rdev = 0);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_KERNEL_H_
