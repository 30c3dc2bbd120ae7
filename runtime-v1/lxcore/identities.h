// Which guest thread has which credentials.
//
// Credentials are interned; a thread carries the index of its own in its timer slack (default 50 µs + index ns): per
// thread, inherited by clone and fork from the creating thread, kept over exec, and readable from outside. So nothing
// has to be told of new threads, and nothing is forgotten when lxcore's own memory of a thread is dropped.
// One thread only.
#ifndef WSLM_RUNTIME_V1_LXCORE_IDENTITIES_H_
#define WSLM_RUNTIME_V1_LXCORE_IDENTITIES_H_

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/credentials.h"

namespace wslm::lxcore {

// The slack of who has index 0: root with all capabilities.
inline constexpr uint64_t kBaseSlack = 50000;
// More different credentials than this at once are refused (EAGAIN): timers must stay near their 50 µs.
inline constexpr size_t kMostIdentities = 60000;

class Identities {
 public:
  // `proc`: the host's /proc; must outlive this.
  explicit Identities(int proc);

  // Of a thread by its id on the host. Root's when the thread is gone.
  const Credentials& Of(pid_t tid);
  // 0 or an errno.
  int Assign(pid_t tid, const Credentials& credentials);
  // Of the process or thread that a directory of some procfs is about; nullopt when it is gone.
  std::optional<Credentials> OfProcDirectory(int proc, const std::string& pid) const;

  // For what must be undone: the index behind Of, and to set it again.
  uint32_t IndexOf(pid_t tid);
  int AssignIndex(pid_t tid, uint32_t index);
  // EAGAIN is nullopt.
  std::optional<uint32_t> Intern(const Credentials& credentials);
  const Credentials& At(uint32_t index) const { return table_[index]; }

 private:
  int SlackFile(pid_t tid, bool fresh);
  uint32_t IndexOfSlack(const char* text, ssize_t length) const;

  int proc_;
  std::deque<Credentials> table_;  // references stay valid
  std::unordered_multimap<size_t, uint32_t> by_hash_;
  // Held descriptors of timerslack_ns: they name the thread, not the number, so a reused id gives ESRCH.
  std::unordered_map<pid_t, UniqueFd> files_;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_IDENTITIES_H_
