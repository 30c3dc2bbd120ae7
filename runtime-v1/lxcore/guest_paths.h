// How lxcore's thread names what a guest thread calls (folder descriptor, path).
//
// The thread's root is the guest thread's root (chroot costs 1.7 µs, and only when it differs from the last), its
// working folder is the host's /proc. So "1234/cwd/" + path and "1234/fd/7/" + path are the guest's relative paths,
// looked up in one system call, with the guest's root for absolute links and "..". /proc/self and its like are
// replaced, as they mean the caller.
#ifndef WSLM_RUNTIME_V1_LXCORE_GUEST_PATHS_H_
#define WSLM_RUNTIME_V1_LXCORE_GUEST_PATHS_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace wslm::lxcore {

class GuestPaths {
 public:
  // `proc`: the host's /proc. `is_foreign` tells of a mount id whether lxcore mustn't enter it. Called by the thread
  // that handles calls, which must have unshared its CLONE_FS.
  GuestPaths(int proc, std::function<bool(uint64_t)> is_foreign) : proc_(proc), is_foreign_(std::move(is_foreign)) {}

  // Makes `tid`'s root the calling thread's. 0 or an errno; kElsewhere (kernel.h) when that is a foreign one.
  int EnterRootOf(pid_t tid);
  // A guest thread is about to get another root or mounts: from now on every root is looked at.
  void RootsDiffer() { roots_differ_ = true; }
  bool roots_differ() const { return roots_differ_; }

  // `path` may be empty: the folder itself.
  static std::string NameOf(pid_t tid, int folder, std::string_view path);
  // What a relative path starts from.
  static std::string BaseOf(pid_t tid, int folder);

 private:
  int proc_;
  std::function<bool(uint64_t)> is_foreign_;
  bool entered_ = false;
  bool roots_differ_ = false;
  uint64_t mount_id_ = 0;
  uint64_t inode_ = 0;
};

// "a/b/c/" → "a/b" and "c". The folder is "." or "/" where there is none; the name is empty for "/".
struct SplitName {
  std::string folder;
  std::string base;
  bool trailing_slash = false;
};
SplitName SplitLast(std::string_view name);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_GUEST_PATHS_H_
