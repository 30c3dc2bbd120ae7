// User namespaces that guests made (unshare -U): which users of the distro they know under which number.
//
// To the host's kernel all of them know the one id that the distro's has, whatever a guest writes to uid_map: so what a
// guest opens to write is no uid_map but a file of lxcore's own, which is read when the map is first needed. What the
// kernel would answer the write (EINVAL, EPERM) can't be said any more: a map that isn't allowed is none.
//
// All is kept beyond this process (kept_log.h, kept_files.h).
// One thread only.
#ifndef WSLM_RUNTIME_V1_LXCORE_USER_NAMESPACES_H_
#define WSLM_RUNTIME_V1_LXCORE_USER_NAMESPACES_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/credentials.h"
#include "runtime-v1/lxcore/id_map.h"
#include "runtime-v1/lxcore/kept_files.h"
#include "runtime-v1/lxcore/kept_log.h"

namespace wslm::lxcore {

class UserNamespaces {
 public:
  // `proc`: the host's /proc. `kept` and `files`: both null, or where all is kept. All must outlive this.
  explicit UserNamespaces(int proc, KeptLog* kept = nullptr, KeptFiles* files = nullptr);

  enum class Ids { kUsers, kGroups };
  // By numbers of the distro's; empty while nobody has set it. Of the namespace of a process or thread, whose folder in
  // some procfs has the name `process` for the calling thread. Valid until the next call.
  const IdMap& MapOf(const std::string& process, Ids ids);
  // Whether somebody has set it, for a process that is `c`.
  bool IsMapped(const std::string& process, const Credentials& c);
  bool SetGroupsAllowed(const std::string& process);

  // Files in the folder of a process: "uid_map", "gid_map" and "setgroups".
  static bool IsOurs(std::string_view file);
  // What `c`, in the thread `opener`, gets that opens one for writing; no descriptor: errno.
  UniqueFd OpenToWrite(const std::string& process, std::string_view file, const Credentials& c, pid_t opener);
  std::string TextOf(const std::string& process, std::string_view file);

 private:
  struct Map {
    UniqueFd written;  // until it was read
    // Who opened it: the effective user or group, and whether it may map any id.
    uint32_t writer = 0;
    bool writer_maps_any = false;
    IdMap map;
  };
  struct Space {
    Map uids, gids;
    UniqueFd set_groups;
    bool set_groups_denied = false;
    bool mapped = false;  // the kernel was given a map
    ino_t parent = 0;
  };
  const IdMap& Settle(ino_t inode, Space& space, Ids ids);
  // What `text`, written to a map's file, leads to.
  IdMap WishedMap(ino_t inode, Space& space, Ids ids, const std::string& text);
  void SettleSetGroups(ino_t inode, Space& space);
  void Keep(ino_t inode, const Space& space);
  void ReadKept();

  int proc_;
  KeptLog* kept_;
  KeptFiles* files_;
  ino_t own_;
  std::unordered_map<ino_t, Space> spaces_;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_USER_NAMESPACES_H_
