#include "runtime-v2/agent/file.h"

#include <fcntl.h>

#include <cerrno>

#include "distros/host/error.h"
#include "distros/host/unique_fd.h"

namespace wslm {
namespace {

constexpr size_t kLargest = size_t{1} << 20;

}  // namespace

absl::StatusOr<std::string> ReadAll(int fd, const std::string& name) {
  std::string content;
  char buffer[16384];
  while (content.size() < kLargest) {
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count == 0) return content;
    if (count < 0 && errno != EINTR) return ErrnoError("cannot read", name);
    if (count > 0) content.append(buffer, static_cast<size_t>(count));
  }
  return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument, name + " is too large.");
}

absl::Status WriteInOne(const std::string& path, std::string_view content) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file) return ErrnoError("cannot open", path);
  if (::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    return ErrnoError("cannot write", path);
  }
  return absl::OkStatus();
}

}  // namespace wslm
