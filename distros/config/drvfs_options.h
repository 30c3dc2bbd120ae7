// Options of the host's folders as a distro sees them: [automount] options of wsl.conf, and mount(8)'s for
// `-t drvfs`. Standard library only. Thread-safe.
#ifndef WSLM_DISTROS_CONFIG_DRVFS_OPTIONS_H_
#define WSLM_DISTROS_CONFIG_DRVFS_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wslm {

struct DrvfsOptions {
  // Owners and modes that are set inside are kept, beside the host's own.
  bool metadata = false;
  bool read_only = false;
  // Who owns what has no metadata; unsaid, the distro's default user.
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  // Bits that are missing in the 0777 of what has no metadata: of all, of all but folders, of folders.
  uint32_t umask = 0;
  uint32_t fmask = 0;
  uint32_t dmask = 0;
  friend bool operator==(const DrvfsOptions&, const DrvfsOptions&) = default;
};

// Reads a comma-separated list into `options`: metadata, uid=N, gid=N, umask=OCTAL, fmask=OCTAL, dmask=OCTAL,
// case=off|dir|force (which changes nothing: whether a host folder tells cases apart is the host's to say), ro, rw, and
// mount(8)'s `defaults`. Answers the words that are none of these; they are skipped.
std::vector<std::string> ReadDrvfsOptions(std::string_view text, DrvfsOptions& options);

// As /proc/mounts shows them, without ro and rw: "uid=1000,gid=1000,umask=22".
std::string DrvfsOptionsText(const DrvfsOptions& options);

}  // namespace wslm

#endif  // WSLM_DISTROS_CONFIG_DRVFS_OPTIONS_H_
