// Files as the guest sees them: owners, modes and device numbers of lxfs over the host's.
//
// Names are those that the calling thread can use: its root is the guest's, its working folder the host's /proc
// (guest_paths.h makes them). Every file system that the guest made itself (tmpfs, overlay) follows the rules of lxfs
// too, with what can't be an xattr kept in memory (kept_log.h); the host's folders are left alone.
// One thread only.
#ifndef WSLM_RUNTIME_V1_LXCORE_GUEST_FILES_H_
#define WSLM_RUNTIME_V1_LXCORE_GUEST_FILES_H_

#include <fcntl.h>
#include <sys/stat.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "distros/lxfs/attributes.h"
#include "distros/lxfs/kept_rights.h"
#include "distros/lxfs/side_store.h"
#include "runtime-v1/lxcore/access_list.h"
#include "runtime-v1/lxcore/drvfs.h"
#include "runtime-v1/lxcore/identities.h"
#include "runtime-v1/lxcore/kept_log.h"

namespace wslm::lxcore {

// What kind of mount a file lies on, and so whose rules count.
enum class MountKind {
  kLxfs,    // the distro's, or made by the guest
  kHost,    // the host's devices, file systems of the kernel's own: the host's rules
  kDrvfs,   // the host's folders: see drvfs.h
  kProc,    // procfs: owners by process
  kDevpts,  // pseudo terminals: owners in memory
  kNone,    // no mount: pipes, sockets, memfds
  // FUSE, network file systems: whoever looks waits for a server, which may be a guest that waits for lxcore. It looks
  // no further than that it is one, and leaves all to the kernel, as with the host's folders.
  kForeign,
};

// What a guest gets when the side store has failed.
int ErrnoOf(const absl::Status& status);

// File systems that are kForeign.
bool IsForeignType(std::string_view type);

struct GuestFile {
  struct statx host;
  GuestAttributes attributes;
  MountKind mount = MountKind::kLxfs;
  // Of a kDrvfs mount.
  DrvfsOptions drvfs;
  // There is a record, in an xattr or in the side store.
  bool has_record = false;
  // The kernel's own answer differs from `attributes`.
  bool differs = false;
  // From GetForRights: who may do what besides the mode. Null: no list.
  std::shared_ptr<const AccessList> list;

  uint32_t type() const { return attributes.mode & S_IFMT; }
  bool is_directory() const { return type() == S_IFDIR; }
  bool is_device() const { return type() == S_IFCHR || type() == S_IFBLK; }
  // No owner or mode is kept: whoever changes them succeeds without effect.
  bool is_everyones() const { return mount == MountKind::kDrvfs && !drvfs.metadata; }
  // A device of the distro's own, which the host can't open: a socket there.
  bool is_made_device() const { return is_device() && (host.stx_mode & S_IFMT) == S_IFSOCK; }
};

// One line of mountinfo(5).
struct MountLine {
  uint64_t id = 0, parent = 0;
  std::string device, root, point, type;
};
std::vector<MountLine> ParseMountInfo(std::string_view text);

class GuestFiles {
 public:
  struct Options {
    SecondOwner second_owner;
    // Of mountinfo(5): "major:minor" of the rootfs' file system and the path of rootfs in it.
    std::string rootfs_device;
    std::string rootfs_root;
    // File systems that the host had before the guest made any.
    std::set<std::string> host_devices;
    // The mount of the host's /proc, by which lxcore names what is the caller's own (guest_paths.h).
    uint64_t proc_mount = 0;
    // st_dev of the rootfs.
    uint64_t device = 0;
    // It lies on a file system that is foreign elsewhere.
    bool on_foreign = false;
    Drvfs drvfs;
  };
  // `kept`, which may be null: where records are kept that the side store has in memory only.
  GuestFiles(SideStore& side_store, const Identities& identities, Options options, KeptLog* kept = nullptr);

  // `flags`: AT_SYMLINK_NOFOLLOW or 0. 0 or an errno.
  int Get(const std::string& name, int flags, GuestFile& out);
  // Of an open descriptor of lxcore's own; O_PATH will do.
  int GetFd(int fd, GuestFile& out);

  // Get, with the access list, which counts for who isn't root.
  int GetForRights(const std::string& name, int flags, GuestFile& out);

  // Stores `attributes` (whose type is the file's) for what Get gave. 0 or an errno; EPERM where owners can't be kept.
  int Set(const std::string& name, int flags, const GuestFile& file, const GuestAttributes& attributes);
  // Set for a file that got, or lost, a list or a capability: with one it has a record in any case.
  int SetWithRights(const std::string& name, int flags, const GuestFile& file, const GuestAttributes& attributes);
  // For a file just made with the host mode of HostFormFor: its owner and mode, and what it has of its folder's lists.
  int SetNew(const std::string& name, int flags, const GuestAttributes& attributes, const GuestXattrs& lists = {});

  // Attributes that the host's user may not set, by the guest's names; they are in the file under another name, or in
  // the side store. 0 or an errno: ENODATA when it isn't there.
  int GetKept(const std::string& name, int flags, const GuestFile& file, const std::string& xattr, std::string& value);
  int SetKept(const std::string& name, int flags, const GuestFile& file, const std::string& xattr,
              const std::string& value);
  int RemoveKept(const std::string& name, int flags, const GuestFile& file, const std::string& xattr);
  // An access or default list; empty where there is none. 0 or an errno.
  int GetList(const std::string& name, int flags, const GuestFile& file, const char* which, AccessList& list);

  // The names of all that the host's file has, each with a NUL. 0 or an errno, and then none.
  static int ListNames(const std::string& name, int flags, std::string& names);

  // Attributes that the file itself can't carry, by the guest's names.
  bool HasSideXattrs() const { return side_.HasXattrs(); }
  GuestXattrs SideXattrs(const std::string& name, int flags, const GuestFile& file) const;
  // 0 or an errno: ENODATA when it isn't there.
  int RemoveSideXattr(const std::string& name, int flags, const GuestFile& file, const std::string& xattr);

  // How a file beside `near`, or in it, is stored. `with_rights`: it has a list or a capability.
  LxfsHostForm HostFormFor(const GuestFile& near, const GuestAttributes& attributes, bool with_rights = false) const;
  // Called with the inode of what gets a record in the side store.
  void set_on_side_record(std::function<void(uint64_t)> call) { on_side_record_ = std::move(call); }
  // Whose mount table to read when a mount appears that wasn't seen before.
  void set_current(pid_t tid) { current_ = tid; }
  // The path within its own file system of a file that is the root of its mount.
  const std::string& RootOf(const GuestFile& file) { return MountOf(file.host.stx_mnt_id).root; }
  // On the /proc that lxcore uses, whose numbers are the host's.
  bool IsOnHostProc(const GuestFile& file) const { return file.host.stx_mnt_id == options_.proc_mount; }
  // Whether there may be foreign mounts, so that no path may be looked up at once (walk.h).
  bool foreign_mounts() const { return foreign_mounts_; }
  void ExpectForeignMounts() { foreign_mounts_ = true; }
  bool IsForeign(uint64_t mount_id) { return MountOf(mount_id).kind == MountKind::kForeign; }
  // Before the current thread makes a user namespace: a memory file system that comes up in there is its owner's.
  void LearnDevices();
  // Mounts have changed.
  void ForgetMounts() { mounts_.clear(); }
  const Drvfs& drvfs() const { return options_.drvfs; }
  void AddDrvfsMount(DrvfsMount mount);
  // How a guest that reads its mounts is shown them (mount_text.h).
  MountKind KindOf(const MountLine& line) const;
  bool IsRootfs(const MountLine& line) const;
  // The mount of `mount -t drvfs` that `line` is, or lies in; null when it is the automount's or bound from somewhere.
  const DrvfsMount* DrvfsMountOf(const MountLine& line, const std::vector<MountLine>& lines) const;
  const std::string& rootfs_root() const { return options_.rootfs_root; }

  // The name of a descriptor of lxcore's own for the calling thread.
  static std::string OwnFdName(int fd) { return "self/fd/" + std::to_string(fd); }

 private:
  struct Owner {
    uint32_t uid = 0, gid = 0;
  };
  struct Mount {
    MountKind kind;
    std::string point;
    std::string root;
    bool kernels = false;  // a file system of the kernel's own
    DrvfsOptions drvfs;
    Owner owner;  // of what has no record
  };
  // Get, of the file that is `name` in `folder`; by `record_name` its record is found.
  int GetAt(int folder, const char* name, int at_flags, const std::string& record_name, int flags, GuestFile& out);
  const Mount& MountOf(uint64_t mount_id);
  void ReadMounts();
  std::optional<GuestAttributes> DrvfsRecordOf(const std::string& name, int flags, const GuestFile& file) const;
  int SetDrvfs(const std::string& name, int flags, const GuestFile& file, const GuestAttributes& attributes);
  Owner OwnerOf(const MountLine& line, const Credentials& reader);
  SideKey KeyOf(const std::string& name, int flags, const struct statx& host) const;
  // Set; `with_rights`: the file has a list or a capability.
  int SetForm(const std::string& name, int flags, const GuestFile& file, const GuestAttributes& attributes,
              bool with_rights);
  bool HasKeptRights(const std::string& name, int flags, const GuestFile& file);
  int PutSideXattrs(const std::string& name, int flags, const GuestFile& file, const GuestXattrs& before,
                    const GuestXattrs& after);
  std::optional<GuestAttributes> SideRecordOf(const std::string& name, int flags, const struct statx& host) const;
  // nullopt: removes the record. 0 or an errno, and then the record is as it was.
  int Keep(const SideKey& key, const std::optional<GuestAttributes>& attributes);
  bool IsOnRootfs(const struct statx& host) const;
  std::optional<GuestAttributes> RecordOf(const std::string& name, int flags, const struct statx& host) const;
  GuestAttributes ProcView(const std::string& name, int flags, const struct statx& host, const Mount& mount) const;

  SideStore& side_;
  KeptLog* kept_;
  const Identities& identities_;
  Options options_;
  std::function<void(uint64_t)> on_side_record_;
  std::unordered_map<uint64_t, Mount> mounts_;
  // By "major:minor": what was there when the last user namespace was made, and what came up in one.
  std::set<std::string> known_devices_;
  std::map<std::string, Owner> made_by_;
  pid_t current_ = 0;
  bool foreign_mounts_ = false;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_GUEST_FILES_H_
