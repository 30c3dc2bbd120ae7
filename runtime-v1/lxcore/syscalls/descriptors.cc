// What one does with an open file: read(2), fcntl(2), poll(2), inotify(7), splice(2), aio(7).
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>

#include "runtime-v1/lxcore/syscalls/areas.h"

namespace wslm::lxcore {
namespace {

constexpr char kRings[] = "would do calls past the filter; containers refuse it too";

}  // namespace

SyscallArea DescriptorCalls() {
  return {
      "Descriptors",
      {
          Native(0, "read"),
          Native(1, "write"),
          Native(3, "close"),
          Native(436, "close_range"),
          Native(8, "lseek"),
          Native(17, "pread64"),
          Native(18, "pwrite64"),
          Native(19, "readv"),
          Native(20, "writev"),
          Native(295, "preadv"),
          Native(296, "pwritev"),
          Native(327, "preadv2"),
          Native(328, "pwritev2"),
          Native(40, "sendfile"),
          Native(275, "splice"),
          Native(276, "tee"),
          Native(278, "vmsplice"),
          Native(326, "copy_file_range"),
          Native(74, "fsync"),
          Native(75, "fdatasync"),
          Native(277, "sync_file_range"),
          Served(162, "sync", SysSync),
          Served(306, "syncfs", SysSync),
          Native(77, "ftruncate"),
          Native(285, "fallocate"),
          Native(187, "readahead"),
          Native(221, "fadvise64"),
          Native(451, "cachestat"),
          Native(78, "getdents"),
          Native(217, "getdents64"),
          Native(73, "flock"),
          ServedIfOneOf(72, "fcntl", SysFcntl, 1, {F_SETOWN, F_SETOWN_EX, F_SETLEASE},
                        {.note = "who gets signals, and leases, follow the guest's ids"}),
          ServedIfOneOf(16, "ioctl", SysIoctl, 1,
                        {FIOSETOWN, SIOCSPGRP, FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR, SIOCSIFFLAGS, SIOCSIFADDR, SIOCADDRT,
                         static_cast<uint32_t>(TUNSETIFF)},
                        {.missing = "what needs the host's root (TIOCSTI, setting up interfaces) is the kernel's EPERM",
                         .note = "who gets signals, and flags of files, follow the guest's ids"}),
          Native(32, "dup"),
          Native(33, "dup2"),
          Native(292, "dup3"),
          Native(22, "pipe"),
          Native(293, "pipe2"),
          Native(7, "poll"),
          Native(271, "ppoll"),
          Native(23, "select"),
          Native(270, "pselect6"),
          Native(213, "epoll_create"),
          Native(291, "epoll_create1"),
          Native(233, "epoll_ctl"),
          Native(232, "epoll_wait"),
          Native(281, "epoll_pwait"),
          Native(441, "epoll_pwait2"),
          Refused(214, "epoll_ctl_old", ENOSYS, "no kernel has it"),
          Refused(215, "epoll_wait_old", ENOSYS, "no kernel has it"),
          Native(284, "eventfd"),
          Native(290, "eventfd2"),
          Native(319, "memfd_create"),
          Native(253, "inotify_init"),
          Native(294, "inotify_init1"),
          Served(254, "inotify_add_watch", SysInotifyAddWatch),
          Native(255, "inotify_rm_watch"),
          Native(300, "fanotify_init", {.missing = "what needs the host's root is EPERM"}),
          Served(301, "fanotify_mark", SysFanotifyMark, {.missing = "marks of mounts and file systems are EPERM"}),
          Native(206, "io_setup"),
          Native(207, "io_destroy"),
          Native(208, "io_getevents"),
          Native(333, "io_pgetevents"),
          Native(209, "io_submit"),
          Native(210, "io_cancel"),
          Refused(425, "io_uring_setup", EPERM, kRings),
          Refused(426, "io_uring_enter", EPERM, kRings),
          Refused(427, "io_uring_register", EPERM, kRings),
      }};
}

}  // namespace wslm::lxcore
