// Code of the fast path in files in memory, which guests' processes map: patched C libraries, and the images of
// programs that run already (runtime-v1/fastpath). What all processes that have mapped one need to know of at once
// lxcore writes into its WslmFastShared.
//
// One thread only.
#ifndef WSLM_RUNTIME_V1_LXCORE_FAST_COPIES_H_
#define WSLM_RUNTIME_V1_LXCORE_FAST_COPIES_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>

#include "distros/host/unique_fd.h"
#include "distros/lxfs/side_store.h"
#include "runtime-v1/fastpath/protocol.h"
#include "runtime-v1/lxcore/memory_map.h"

namespace wslm::lxcore {

class FastCopies {
 public:
  // How /proc/PID/maps names them.
  static constexpr std::string_view kMapsName = "/memfd:libc.so.6 (deleted)";

  class Copy {
   public:
    Copy(UniqueFd file, WslmFastShared* shared);
    ~Copy();
    Copy(const Copy&) = delete;
    Copy& operator=(const Copy&) = delete;

    // A description of its own, to be read from the start; none when there is no descriptor left.
    UniqueFd Open() const;
    uint64_t inode() const { return inode_; }

   private:
    friend class FastCopies;
    UniqueFd file_;
    WslmFastShared* shared_;
    uint64_t inode_ = 0;
  };

  struct Options {
    // WslmFastShared's.
    uint64_t maker = 0;
    bool plain_attributes = false;
  };
  // `side_store` must outlive this.
  FastCopies(const SideStore& side_store, Options options) : side_store_(side_store), options_(options) {}

  // `bytes` with a WslmFastShared at `shared_offset`, which a page begins with. Null when there is no memory for it, or
  // there are too many; else it lives as long as this.
  const Copy* Add(const std::string& bytes, size_t shared_offset);

  // Folders may have become others, or others' to search.
  void ForgetFolders();
  // The link, fifo or socket has an owner of its own from now on.
  void NoteRecord(uint64_t inode);

 private:
  const SideStore& side_store_;
  Options options_;
  std::list<Copy> copies_;
};

// Whether a process has mapped a copy there, be it an earlier lxcore's: not a file of that name on a file system of the
// guest's, which may never answer.
bool IsCopy(const Mapping& mapping);

// All of a file of `size` bytes that a copy is to be made of; empty when it can't be read, or has fewer.
std::string ReadWhole(int fd, size_t size);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_FAST_COPIES_H_
