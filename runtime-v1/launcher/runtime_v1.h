// Runtime v1 as wslmd sees it: starts one wslm-lxcore per distro and finds those that an earlier daemon left.
//
// A running distro has run/v1/<id>/: control.sock (wslm-init listens), files.sock (likewise, for clients of its files),
// lock (held as long as it lives by lxcore's guardian, whose process id is in it), log (what these two have to say).
// The guardian removes it when the distro ended in order; else it stays for whoever looks into the log, until the next
// start of the daemon or the distro's deletion.
#ifndef WSLM_RUNTIME_V1_LAUNCHER_RUNTIME_V1_H_
#define WSLM_RUNTIME_V1_LAUNCHER_RUNTIME_V1_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "distros/host/home.h"
#include "wslm/runtime/v1/instance.h"

namespace wslm {

std::unique_ptr<runtime::v1::Runtime> MakeRuntimeV1(const Home& home);

// Where a running distro's files are served by 9P2000.L.
std::string FilesSocketV1(const Home& home, const std::string& distro_id);

// Whether this host can run v1 distros: user namespaces, seccomp user notification. Error: HOST_UNSUPPORTED with what
// is missing and how to get it. Takes some ms; thread-safe.
absl::Status CheckHostForV1();

}  // namespace wslm

#endif  // WSLM_RUNTIME_V1_LAUNCHER_RUNTIME_V1_H_
