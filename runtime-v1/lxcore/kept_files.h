// Open files that a guest writes to and lxcore reads later (uid_map, loginuid), beyond lxcore's end: each waits as a
// message in a pair of sockets whose ends the guardian holds too (SharedState).
//
//   KeptFiles files(kept, state.files_in(), state.files_out(), number);   // what an earlier lxcore left is taken in
//   for (auto& [tid, file] : files.TakeLeft(KeptFiles::kLogin)) ...
//   files.Put({KeptFiles::kLogin, tid}, file.get());
//   files.Remove({KeptFiles::kLogin, tid});
//
// KeptLog says which message of a key counts: the others go when there are many.
// One thread only.
#ifndef WSLM_RUNTIME_V1_LXCORE_KEPT_FILES_H_
#define WSLM_RUNTIME_V1_LXCORE_KEPT_FILES_H_

#include <compare>
#include <cstdint>
#include <map>

#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/kept_log.h"

namespace wslm::lxcore {

class KeptFiles {
 public:
  // Part of what is kept (SharedState::kLayout).
  enum Kind : uint64_t { kUidMap = 1, kGidMap = 2, kSetGroups = 3, kLogin = 4 };
  struct Key {
    Kind kind;
    uint64_t number;  // of the namespace or thread
    auto operator<=>(const Key&) const = default;
  };

  // `in`, `out`: the sockets; `maker`: which lxcore of the distro's this is, counted from 1. All must outlive this.
  KeptFiles(KeptLog& kept, int in, int out, uint64_t maker);

  // In place of what is there under the key. Where there is no room, the file ends with lxcore.
  void Put(const Key& key, int fd);
  void Remove(const Key& key);
  // What an earlier lxcore had put and not removed, by number. Once.
  std::map<uint64_t, UniqueFd> TakeLeft(Kind kind);

 private:
  struct Message {
    Key key;
    uint64_t serial;
  };
  bool Send(const Message& message, int fd);
  void Count(const Message& message);
  bool Counts(const Message& message) const;
  // Drops what doesn't count, and puts the rest behind; gives `found` the files, unless it is null.
  void Sweep(std::map<Key, UniqueFd>* found);

  KeptLog& kept_;
  const int in_, out_;
  uint64_t serial_;
  std::map<Key, UniqueFd> left_;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_KEPT_FILES_H_
