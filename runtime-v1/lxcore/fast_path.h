// lxcore's side of the fast path: a guest's loader that opens the C library gets a patched copy of that very file
// (runtime-v1/fastpath), whose processes answer plain cases of hot calls by themselves.
//
// Only the loader gets it: everybody else who opens the library sees the library. The copy is made once per file and
// kept in memory as long as lxcore lives; the next lxcore can't write to it, and tells processes that have it to answer
// nothing any more. An optimisation only: a library that can't be patched is opened as it is, and
// a process whose threads may have different credentials, or which has filters of its own, is told to answer nothing.
// Programs that load no such library get the same while they run (fast_programs.h).
//
// One thread only.
#ifndef WSLM_RUNTIME_V1_LXCORE_FAST_PATH_H_
#define WSLM_RUNTIME_V1_LXCORE_FAST_PATH_H_

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "distros/host/unique_fd.h"
#include "distros/lxfs/lxfs.h"
#include "distros/lxfs/side_store.h"
#include "runtime-v1/fastpath/protocol.h"
#include "runtime-v1/lxcore/call.h"
#include "runtime-v1/lxcore/fast_copies.h"
#include "runtime-v1/lxcore/fast_programs.h"
#include "runtime-v1/lxcore/guest_files.h"
#include "runtime-v1/lxcore/identities.h"

namespace wslm::lxcore {

class FastPath {
 public:
  struct Options {
    bool on = false;
    SecondOwner second_owner;
    // Of the rootfs: the only mount that processes answer for.
    uint64_t mount_id = 0;
    uint64_t device = 0;
    // The same as memory maps show it: of btrfs that is another.
    dev_t mapped_device = 0;
    // Its file system says ENODATA, not EOPNOTSUPP, of attributes that say who may do what and aren't there.
    bool plain_attributes = false;
    // Which lxcore of the distro's this is, counted from 1.
    uint64_t maker = 0;
  };
  // All but the options must outlive this.
  FastPath(int proc, Identities& identities, const SideStore& side_store, Options options)
      : proc_(proc),
        identities_(identities),
        options_(options),
        copies_(side_store, {.maker = options.maker, .plain_attributes = options.plain_attributes}),
        programs_(proc, copies_, [this](pid_t tid) { return MayAnswerForFiles(tid); },
                  {.mount_id = options.mount_id, .device = options.mapped_device}) {}
  FastPath(const FastPath&) = delete;
  FastPath& operator=(const FastPath&) = delete;

  // Before an lxcore that is not the first serves a call: no process, of those in the pid namespace of `first_process`,
  // answers anything by a copy that an earlier one made.
  void DisableOlderCopies(pid_t first_process);

  // What a loader that opens `name`, which is `file` and may be read, gets instead. Empty: the file itself.
  UniqueFd CopyFor(const Call& call, const std::string& name, const GuestFile& file);

  // Whether the call is a process' question what it may answer by itself, or how.
  static bool IsQuestion(const Call& call);
  Reply Answer(const Call& call);

  // Credentials of the thread are about to change.
  void BeforeNewCredentials(pid_t tid);
  // The thread is about to get a filter of its own, which might forbid what the handlers do.
  void BeforeNewFilter(pid_t tid);
  // To be called after each call was handled, and before it is answered.
  void AfterCall(const Call& call);
  // The link, fifo or socket has an owner of its own from now on.
  void NoteRecord(uint64_t inode) { copies_.NoteRecord(inode); }

 private:
  // A file as it is now.
  struct FileKey {
    uint64_t device, inode, size;
    int64_t changed_ns;
    auto operator<=>(const FileKey&) const = default;
  };
  bool IsLoader(const Call& call) const;
  // Null: the library can't be patched.
  const FastCopies::Copy* MakeCopy(const std::string& name);
  Reply AnswerLevel(const Call& call);
  // Whether a level was another.
  bool SetLevels(pid_t tid, const std::vector<Mapping>& maps, uint32_t level) const;
  WslmFastBlock BlockFor(pid_t tid, const Credentials& c) const;
  bool HasThreads(pid_t tid) const;
  bool HasFilters(pid_t tid) const;
  bool SharesMemory(pid_t tid) const;
  bool HasChildIn(pid_t tid) const;
  // Whether a process may have the fast path put in while it runs.
  bool MayAnswerForFiles(pid_t tid) const;

  int proc_;
  Identities& identities_;
  Options options_;
  FastCopies copies_;
  FastPrograms programs_;
  std::map<FileKey, const FastCopies::Copy*> libraries_;
  bool filters_were_made_ = false;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_FAST_PATH_H_
