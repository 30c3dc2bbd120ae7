// The VM's first root: the agent as /init, wslm-init, and the modules that boot needs.
#ifndef WSLM_RUNTIME_V2_HOST_INITRAMFS_H_
#define WSLM_RUNTIME_V2_HOST_INITRAMFS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace wslm {

// Appends entries of a cpio archive in the "newc" form (Linux'
// Documentation/driver-api/early-userspace/buffer-format.rst).
class CpioWriter {
 public:
  void AddFolder(const std::string& path, uint32_t permissions);
  void AddFile(const std::string& path, uint32_t permissions, std::string_view content);
  void AddLink(const std::string& path, std::string_view target);
  // Ends the archive and answers it.
  std::string Finish();

 private:
  void Add(const std::string& path, uint32_t mode, uint32_t links, std::string_view content);

  std::string bytes_;
  uint32_t next_inode_ = 1;
};

// Paths of the parts.
struct InitramfsParts {
  std::string agent;
  std::string init;
  std::string boot_modules;  // a folder with ORDER; empty for a kernel that needs none
};

// The initramfs of these parts in `folder` ("initramfs-HASH.cpio"), made unless it is there; older ones are removed.
// The parts are told by their files' identities, not read each time. Errors: IO_ERROR, DISK_FULL, FILE_NOT_FOUND.
absl::StatusOr<std::string> EnsureInitramfs(const InitramfsParts& parts, const std::string& folder);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_INITRAMFS_H_
