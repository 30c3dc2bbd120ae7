// What v1 can't do by its nature, as programs run into it. They get the errno that a container gives, which tells a
// person nothing; so it is noted for wslmd to explain: a line "KIND\tPROGRAM\n" in a file that both know.
#ifndef WSLM_RUNTIME_V1_LXCORE_LIMITS_H_
#define WSLM_RUNTIME_V1_LXCORE_LIMITS_H_

#include <sys/types.h>

#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/call.h"

namespace wslm::lxcore {

enum class Limit {
  kNetfilter,
  kBlockDevices,  // file systems on them, loop devices, swap
  kModules,
  kRawSockets,
  kInterfaces,  // and routes and addresses, of the host's
  kLowPorts,
  kClock,
  k32Bit,
  kControlGroups,
};
// As the file has it; wslmd knows the same names (daemon/sessions/limit_text.cc).
std::string_view NameOf(Limit limit);

class Limits {
 public:
  // `proc`: the host's. `file`: where lines are appended; none: nobody listens.
  Limits(int proc, UniqueFd file) : proc_(proc), file_(std::move(file)) {}

  // The caller ran into it. Told once for each process session, since each may be another person's; wslmd sorts out
  // what is worth telling. `program`: empty for the caller's name.
  void Reached(const Call& call, Limit limit, std::string program = "");
  // Whether the caller is in the host's network, where it may do nothing special.
  bool IsInHostsNetwork(const Call& call) const;

 private:
  int proc_;
  UniqueFd file_;
  std::set<std::pair<Limit, pid_t>> told_;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_LIMITS_H_
