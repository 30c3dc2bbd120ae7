// /proc/PID/loginuid, which pam_loginuid writes: a guest gets a file of lxcore's own in its place, which is read when
// the writer makes its next call.
// One thread only.
#ifndef WSLM_RUNTIME_V1_LXCORE_LOGIN_IDS_H_
#define WSLM_RUNTIME_V1_LXCORE_LOGIN_IDS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/kept_files.h"

namespace wslm::lxcore {

class LoginIds {
 public:
  // `files`, which may be null: where what isn't read yet is kept beyond this process. Must outlive this.
  explicit LoginIds(KeptFiles* files = nullptr);

  // What `tid` gets that opens its own file, which shows `now`, with the access mode of `flags`. No descriptor: errno.
  UniqueFd OpenToWrite(pid_t tid, uint32_t now, uint64_t flags);
  // What `tid` has written there, until Forget.
  std::optional<uint32_t> Written(pid_t tid) const { return written_.empty() ? std::nullopt : Read(tid); }
  // It was made the thread's.
  void Forget(pid_t tid);

 private:
  std::optional<uint32_t> Read(pid_t tid) const;

  KeptFiles* files_;
  std::unordered_map<pid_t, UniqueFd> written_;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_LOGIN_IDS_H_
