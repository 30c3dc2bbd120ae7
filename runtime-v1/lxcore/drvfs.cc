#include "runtime-v1/lxcore/drvfs.h"

namespace wslm::lxcore {

GuestAttributes DrvfsView(uint32_t host_mode, const std::optional<GuestAttributes>& record,
                          const DrvfsOptions& options) {
  if (options.metadata && record && (record->mode & S_IFMT) == (host_mode & S_IFMT)) return *record;
  GuestAttributes view{.mode = host_mode & S_IFMT, .uid = options.uid.value_or(0), .gid = options.gid.value_or(0)};
  const uint32_t mask = options.umask | (S_ISDIR(host_mode) ? options.dmask : options.fmask);
  view.mode |= S_ISLNK(host_mode) ? 0777 : 0777 & ~mask;
  return view;
}

mode_t DrvfsHostMode(uint32_t mode) { return (mode & 0777) | (S_ISDIR(mode) ? 0700 : 0600); }

mode_t DrvfsExecutableMode(uint32_t host_mode, uint32_t wanted) {
  const mode_t readers = (host_mode & 0444) >> 2;
  return (host_mode & 07777) | (wanted & 0111 & readers);
}

}  // namespace wslm::lxcore
