// Files by name: open(2), stat(2), mkdir(2), rename(2) and their like.
#include <errno.h>

#include "runtime-v1/lxcore/syscalls/areas.h"

namespace wslm::lxcore {

SyscallArea FileCalls() {
  return {"Files by name",
          {
              Served(2, "open", SysOpen, {.note = "set-id bits go when it is opened for writing, not at the write"}),
              Served(85, "creat", SysCreat),
              Served(257, "openat", SysOpenAt),
              Served(437, "openat2", SysOpenAt2),
              Served(4, "stat", SysStat),
              Served(6, "lstat", SysLStat),
              Served(5, "fstat", SysFStat),
              Served(262, "newfstatat", SysNewFStatAt),
              Served(332, "statx", SysStatX),
              Served(21, "access", SysAccess),
              Served(269, "faccessat", SysFAccessAt),
              Served(439, "faccessat2", SysFAccessAt2),
              Served(89, "readlink", SysReadLink),
              Served(267, "readlinkat", SysReadLinkAt),
              Served(137, "statfs", SysStatFs),
              Native(138, "fstatfs"),
              Native(136, "ustat"),
              Served(76, "truncate", SysTruncate),
              Served(83, "mkdir", SysMkdir),
              Served(258, "mkdirat", SysMkdirAt),
              Served(133, "mknod", SysMknod, {.note = "a device that the host doesn't serve is ENXIO when opened"}),
              Served(259, "mknodat", SysMknodAt),
              Served(88, "symlink", SysSymlink),
              Served(266, "symlinkat", SysSymlinkAt),
              Served(86, "link", SysLink),
              Served(265, "linkat", SysLinkAt),
              Served(82, "rename", SysRename),
              Served(264, "renameat", SysRenameAt),
              Served(316, "renameat2", SysRenameAt),
              Served(87, "unlink", SysUnlink),
              Served(263, "unlinkat", SysUnlinkAt),
              Served(84, "rmdir", SysRmdir),
              Served(303, "name_to_handle_at", SysNameToHandleAt),
              Refused(304, "open_by_handle_at", EPERM, "would open files past every folder's rights"),
              Native(79, "getcwd"),
              Served(80, "chdir", SysChdir),
              Served(81, "fchdir", SysFChdir),
              Served(161, "chroot", SysChroot),
              Native(95, "umask"),
          }};
}

}  // namespace wslm::lxcore
