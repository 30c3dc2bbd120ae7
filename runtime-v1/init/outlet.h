// One output of a session: from its pipe or terminal, through the replay, to whoever is attached.
#ifndef WSLM_RUNTIME_V1_INIT_OUTLET_H_
#define WSLM_RUNTIME_V1_INIT_OUTLET_H_

#include <cstdint>

#include "runtime-v1/init/host_stream.h"
#include "runtime-v1/init/replay.h"

namespace wslm::init {

// Offsets count bytes from the command's start. Not thread-safe.
class Outlet {
 public:
  enum class Target { kStdout, kStderr, kNowhere };

  // `source` is the session's and non-blocking; closed() says when it is of no use any more.
  Outlet(int source, Target target);

  int source() const { return source_; }
  Target target() const { return target_; }
  // The source is at its end, or all of it that is wanted was read.
  bool closed() const { return source_ < 0; }
  // Everything read was sent.
  bool sent_all() const { return sent_ == replay_.end(); }

  // Whether Read may be called: with a listener, as far as it has credit; without one, until the replay is full of what
  // nobody had yet, or always when what is old may be `overwritten`.
  bool WantsRead(const HostStream* listener, bool overwrite) const;
  // Reads once.
  void Read(const HostStream* listener, bool overwrite);
  // The command has ended, and who else holds the source has had its grace: only what lies in it now is still read.
  void CloseWhenDrained();
  // No more is wanted.
  void Close() { source_ = -1; }

  // Sends as much as the listener has room for.
  void Send(HostStream& listener);
  // The listener is gone: what it had not given credit for, and kClientLag before it, counts as not received.
  void Detach(const HostStream& listener);
  // A new listener wants what follows `offset`; answers where it really goes on.
  int64_t Attach(int64_t offset);

 private:
  size_t ReadLimit(const HostStream* listener, bool overwrite) const;

  int source_;
  const Target target_;
  Replay replay_;
  int64_t sent_ = 0;
  // Up to here the last listener surely had it.
  int64_t received_ = 0;
  // Bytes left to be read; negative: all.
  int64_t left_ = -1;
};

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_OUTLET_H_
