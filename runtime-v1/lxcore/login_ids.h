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

namespace wslm::lxcore {

class LoginIds {
 public:
  // What `tid` gets that opens its own file, which shows `now`, with the access mode of `flags`. No descriptor: errno.
  UniqueFd OpenToWrite(pid_t tid, uint32_t now, uint64_t flags);
  // What `tid` has written there since.
  std::optional<uint32_t> TakeWritten(pid_t tid) { return written_.empty() ? std::nullopt : Take(tid); }

 private:
  std::optional<uint32_t> Take(pid_t tid);

  std::unordered_map<pid_t, UniqueFd> written_;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_LOGIN_IDS_H_
