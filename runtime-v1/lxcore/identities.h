// Which guest thread has which credentials.
//
// Credentials are interned; a thread carries the index of its own in its timer slack (some 50 µs + index ns): per
// thread, inherited by clone and fork from the creating thread, kept over exec, and readable from outside. So nothing
// has to be told of new threads, and nothing is forgotten when lxcore's own memory of a thread is dropped.
//
// The table is kept beyond this process (kept_log.h): indexes mean the same to the next lxcore.
//
// A slack that lxcore didn't give is nobody's, who may do nothing: guests can't set it (sys_credentials.cc,
// proc_files.cc), and no default of the kernel's is an index.
// One thread only.
#ifndef WSLM_RUNTIME_V1_LXCORE_IDENTITIES_H_
#define WSLM_RUNTIME_V1_LXCORE_IDENTITIES_H_

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/credentials.h"
#include "runtime-v1/lxcore/journal.h"
#include "runtime-v1/lxcore/kept_log.h"

namespace wslm::lxcore {

// The kernel's default, and what guests are shown. No index stands for it.
inline constexpr uint64_t kDefaultSlack = 50000;
// The slack of who has index 0: root with all capabilities.
inline constexpr uint64_t kFirstSlack = kDefaultSlack + 1;
// The index of who has a slack that is none of ours: no rights, no way to get any.
inline constexpr uint32_t kNobody = 1;
// More different credentials than this at once are refused (EAGAIN): timers must stay near their 50 µs.
inline constexpr size_t kMostIdentities = 60000;

// A call that changes credentials: the kernel does it after lxcore has answered, and may refuse.
struct PendingChange {
  enum class Kind : uint8_t {
    kExec,
    kExecOfSameProgram,  // so that exe won't tell
    kUserNamespace,
  };
  Kind kind = Kind::kExec;
  uint32_t before = 0;
  uint32_t after = 0;
  // The program that the kernel will run: st_dev and st_ino of /proc/TID/exe once it has. Or the user namespace that is
  // left: of /proc/TID/ns/user as long as it isn't.
  uint64_t device = 0;
  uint64_t inode = 0;
  friend auto operator<=>(const PendingChange&, const PendingChange&) = default;
};

class Identities {
 public:
  // `proc`: the host's /proc. `kept`, which may be null: where the table is kept. Both must outlive this.
  explicit Identities(int proc, KeptLog* kept = nullptr);

  // `tid` waits in a call until the next one begins: meanwhile it is who it is, unless this changes it.
  void BeginCall(pid_t tid) {
    waiting_ = tid;
    waiting_index_.reset();
  }

  // Of a thread by its id on the host. Nobody's when the thread is gone.
  const Credentials& Of(pid_t tid);
  // 0 or an errno.
  int Assign(pid_t tid, const Credentials& credentials);
  // Called before Assign changes a thread's credentials.
  void set_before_change(std::function<void(pid_t)> call) { before_change_ = std::move(call); }
  // The same for a call that then answers `value`, even if lxcore ends in between.
  int Assign(pid_t tid, const Credentials& credentials, Journal& journal, int64_t value);
  // What such a call, which an earlier lxcore worked on, is to be answered at once; nullopt: it did not come so far.
  std::optional<int64_t> AnswerOf(pid_t tid, const Journal& journal);
  // Gives a thread that is about to exec an index that means change.after for a thread that runs the program, and
  // change.before for all others: so neither it, should the kernel refuse, nor what it then forks has gained anything.
  // 0 or an errno. exec is the only way to another program: PR_SET_MM, which could feign one, is refused.
  int AssignAtExec(pid_t tid, const Credentials& after, uint64_t device, uint64_t inode);
  // The same for a thread that is about to enter another user namespace, or to make a thread that is in one:
  // change.after is for who is no more in the one where the thread is now.
  int AssignInOtherNamespace(pid_t tid, const Credentials& after);
  // A number for credentials, for as long as the distro runs; nullopt when there are too many.
  std::optional<uint32_t> NumberOf(const Credentials& credentials) { return Intern(credentials); }
  const Credentials& Numbered(uint32_t number) const {
    return table_[number < table_.size() ? number : kNobody].credentials;
  }
  // Of the process or thread that a directory of some procfs is about; nullopt when it is gone.
  std::optional<Credentials> OfProcDirectory(int proc, const std::string& pid) const;
  std::optional<Credentials> OfHostProcess(const std::string& pid) const { return OfProcDirectory(proc_, pid); }
  static bool IsNobody(const Credentials& credentials);

 private:
  int SlackFile(pid_t tid, bool fresh);
  uint32_t IndexOfSlack(const char* text, ssize_t length) const;
  // Settles what an exec left open.
  uint32_t IndexOf(pid_t tid);
  // Of the credentials that the thread is to have; those who want to know are told that it changes.
  std::optional<uint32_t> IndexToAssign(pid_t tid, const Credentials& credentials);
  int AssignIndex(pid_t tid, uint32_t index);
  uint32_t After(const PendingChange& change, int proc, const std::string& pid) const;
  uint32_t AfterSameProgram(const PendingChange& change, pid_t tid);
  void ForgetStacks();
  // nullopt when there are too many.
  std::optional<uint32_t> Intern(const Credentials& credentials);
  std::optional<uint32_t> InternPending(const PendingChange& change);

  struct Entry {
    Credentials credentials;
    // Then the credentials are those before.
    std::optional<PendingChange> pending;
  };
  // False: there is no room to keep it.
  bool Keep(uint32_t index, const Entry& entry);
  // Takes in what an earlier lxcore kept.
  void ReadKept();

  int proc_;
  pid_t waiting_ = 0;
  std::optional<uint32_t> waiting_index_;  // once it was asked for
  std::function<void(pid_t)> before_change_;
  KeptLog* kept_;
  std::deque<Entry> table_;  // references stay valid
  std::unordered_multimap<size_t, uint32_t> by_hash_;
  std::map<PendingChange, uint32_t> pending_;
  // Where the stack of a thread began that runs the same program anew: the address is drawn afresh by exec.
  std::unordered_map<pid_t, std::string> stacks_;
  // Held descriptors of timerslack_ns: they name the thread, not the number, so a reused id gives ESRCH.
  std::unordered_map<pid_t, UniqueFd> files_;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_IDENTITIES_H_
