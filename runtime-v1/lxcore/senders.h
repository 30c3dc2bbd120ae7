// Who is behind a Unix socket. The kernel hands a process number and the one mapped id to receivers (SCM_CREDENTIALS)
// and peers (SO_PEERCRED); the sender may have become somebody else since, or have ended. So who connects, listens or
// sends ids is remembered by its number.
#ifndef WSLM_RUNTIME_V1_LXCORE_SENDERS_H_
#define WSLM_RUNTIME_V1_LXCORE_SENDERS_H_

#include <sys/socket.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime-v1/lxcore/call.h"
#include "runtime-v1/lxcore/identities.h"
#include "runtime-v1/lxcore/kept_log.h"

namespace wslm::lxcore {

class Senders {
 public:
  // `proc`: the host's. `kept`, which may be null: where all is kept beyond this process. All outlive it.
  Senders(int proc, Identities& identities, KeptLog* kept = nullptr);

  // The caller connects, listens, or is about to send to a name.
  void Remember(const Call& call, const Credentials& c);
  // The caller sends these ids with a message, which are its own or which it may take.
  void RememberSent(const Call& call, const Credentials& c, const ucred& ids);
  // Of ids in a guest's memory that the host's kernel wouldn't take, and that were replaced there: what they were.
  void Replace(const Call& call, uint64_t address, const ucred& ids);
  std::optional<ucred> Replaced(const Call& call, uint64_t address) const;

  // Who a process was when it connected or listened, else who it is; nullopt: a process of the host. `pid`: in
  // lxcore's pid namespace.
  std::optional<Credentials> PeerOf(pid_t pid);
  // The ids that came with a message of its, as `receiver` sees the process; nullopt as above.
  std::optional<ucred> SentBy(pid_t pid, pid_t receiver);
  // How a thread's namespace numbers another process; 0: not at all.
  pid_t NumberFor(pid_t receiver, pid_t pid) const;

 private:
  struct Sender {
    // Tells a process from another that gets its number.
    std::string start_time;
    // One number for each pid namespace, the host's first.
    std::vector<pid_t> numbers;
    Credentials credentials;
    // Sent in place of the real ids.
    std::optional<std::pair<uint32_t, uint32_t>> sent;
  };
  // `ids`: what it sends, if anything.
  void Record(const Call& call, const Credentials& c, const ucred* ids);
  void Forget();
  // The record of a process with that number, if it is the one that has it now, or had it last.
  const Sender* Find(pid_t pid) const;

  int proc_;
  Identities& identities_;
  KeptLog* kept_;
  std::unordered_map<pid_t, Sender> senders_;
  std::map<std::pair<pid_t, uint64_t>, ucred> replaced_;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_SENDERS_H_
