#include "runtime-v2/host/log_bound.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "distros/host/files.h"

namespace wslm {
namespace {

constexpr off_t kLargest = off_t{4} << 20;
constexpr size_t kKept = size_t{1} << 20;

}  // namespace

void BoundLog(const std::string& path) {
  const auto log = OpenFile(path, O_RDWR);
  struct stat status {};
  if (!log.ok() || ::fstat(log->get(), &status) != 0 || status.st_size <= kLargest) return;
  std::string end(kKept, '\0');
  const ssize_t count = ::pread(log->get(), end.data(), end.size(), status.st_size - static_cast<off_t>(kKept));
  end.resize(count < 0 ? 0 : static_cast<size_t>(count));
  // Emptied whether or not its end could be kept: a full disk is no reason to let it grow.
  WriteFileAtomically(path + ".1", end).IgnoreError();
  if (::ftruncate(log->get(), 0) != 0) return;
}

}  // namespace wslm
