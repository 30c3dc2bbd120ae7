// A distro's own configuration files, read on the host before anything of the distro runs.
#ifndef WSLM_RUNTIME_V1_LXCORE_DISTRO_CONF_H_
#define WSLM_RUNTIME_V1_LXCORE_DISTRO_CONF_H_

#include <string>

#include "distros/config/wsl_conf.h"

namespace wslm::lxcore {

// The text of a regular file below `rootfs`, links followed inside it; empty when there is none or it is larger than
// 4 MiB.
std::string ReadDistroFile(const std::string& rootfs, const std::string& path);

// With owners in its drvfs options: where the file says none, the default user's, which is the file's, else
// `recorded_user`, else root.
WslConf ReadDistroConf(const std::string& rootfs, const std::string& recorded_user);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_DISTRO_CONF_H_
