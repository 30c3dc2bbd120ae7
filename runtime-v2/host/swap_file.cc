#include "runtime-v2/host/swap_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

// Of the VM's kernel, in which the area is counted.
constexpr int64_t kPage = 4096;
// The kernel's `union swap_header` (include/linux/swap.h): version, last page and number of bad pages behind the first
// 1024 bytes, the magic at the page's end.
constexpr size_t kInfo = 1024;
constexpr char kMagic[] = "SWAPSPACE2";
constexpr size_t kMagicSize = sizeof kMagic - 1;
constexpr int64_t kLeastPages = 16;

}  // namespace

absl::StatusOr<UniqueFd> MakeSwapFile(const std::string& folder, int64_t bytes) {
  UniqueFd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file) {
    // Not every file system makes files without a name.
    const std::string path = folder + "/.swap-" + RandomHex(8);
    ASSIGN_OR_RETURN(file, OpenFile(path, O_RDWR | O_CREAT | O_EXCL));
    ::unlink(path.c_str());
  }
  const int64_t pages = std::max(bytes / kPage, kLeastPages);
  char header[kPage] = {};
  const uint32_t info[] = {1, static_cast<uint32_t>(std::min<int64_t>(pages - 1, UINT32_MAX)), 0};
  std::memcpy(header + kInfo, info, sizeof info);
  std::memcpy(header + kPage - kMagicSize, kMagic, kMagicSize);
  if (::ftruncate(file.get(), pages * kPage) != 0 || ::pwrite(file.get(), header, sizeof header, 0) != kPage) {
    return ErrnoError("cannot write the VM's swap in", folder);
  }
  return file;
}

}  // namespace wslm
