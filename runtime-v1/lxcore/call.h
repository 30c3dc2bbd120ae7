// One system call of a guest thread that lxcore was notified of, and the answer to it.
#ifndef WSLM_RUNTIME_V1_LXCORE_CALL_H_
#define WSLM_RUNTIME_V1_LXCORE_CALL_H_

#include <linux/seccomp.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <utility>

#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/journal.h"

namespace wslm::lxcore {

class Reply {
 public:
  enum class Kind { kValue, kContinue, kDescriptor, kLater, kWork };

  static Reply Value(int64_t value) { return Reply(Kind::kValue, value); }
  // An errno, positive; 0 is the value 0.
  static Reply Error(int error) { return Reply(Kind::kValue, -static_cast<int64_t>(error)); }
  // The kernel does the call itself.
  static Reply Continue() { return Reply(Kind::kContinue, 0); }
  // The call waits (waiting_calls.h) and is answered when it comes again.
  static Reply Later() { return Reply(Kind::kLater, 0); }
  // The guest gets a copy of `fd`, the lowest free number.
  static Reply Descriptor(UniqueFd fd, bool close_on_exec) {
    Reply reply(Kind::kDescriptor, close_on_exec);
    reply.fd_ = std::move(fd);
    return reply;
  }
  // `work`, which takes long and touches nothing that belongs to the receiver's thread, is done on another one, and
  // finds the answer, which is neither Later nor Work again.
  static Reply Work(std::function<Reply()> work) {
    Reply reply(Kind::kWork, 0);
    reply.work_ = std::move(work);
    return reply;
  }

  Kind kind() const { return kind_; }
  // A value, or a negative errno.
  int64_t value() const { return value_; }
  int fd() const { return fd_.get(); }
  bool close_on_exec() const { return value_ != 0; }
  Reply Finish() const { return work_(); }

 private:
  Reply(Kind kind, int64_t value) : kind_(kind), value_(value) {}
  Kind kind_;
  int64_t value_;
  UniqueFd fd_;
  std::function<Reply()> work_;
};

class Call {
 public:
  // `journal`: of this call; outlives it.
  Call(int listener, const seccomp_notif& notification, Journal& journal)
      : listener_(listener), n_(notification), journal_(journal) {}

  // The thread's id in lxcore's pid namespace.
  pid_t tid() const { return static_cast<pid_t>(n_.pid); }
  const seccomp_notif& notification() const { return n_; }
  int number() const { return n_.data.nr; }
  uint64_t arg(int index) const { return n_.data.args[index]; }
  int int_arg(int index) const { return static_cast<int>(n_.data.args[index]); }
  // Of the instruction after the call's.
  uint64_t instruction_pointer() const { return n_.data.instruction_pointer; }
  uint32_t id_arg(int index) const { return static_cast<uint32_t>(n_.data.args[index]); }

  // What an earlier lxcore did of it.
  Journal& journal() const { return journal_; }

  // Whether the thread still waits for this answer: if not, tid() may be another's by now.
  bool StillWaiting() const;
  // Gives the process a copy of `fd`, before the answer. Its number there, or a negative errno.
  int GiveDescriptor(int fd, bool close_on_exec) const;

 private:
  int listener_;
  seccomp_notif n_;
  Journal& journal_;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_CALL_H_
