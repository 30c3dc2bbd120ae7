#include "cli/commands/host_path.h"

#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"

namespace wslm::cli {

absl::StatusOr<std::string> CurrentFolder() {
  const std::unique_ptr<char, decltype(&std::free)> folder(getcwd(nullptr, 0), &std::free);
  if (folder == nullptr) return ErrnoError("cannot tell", "the present folder");
  return std::string(folder.get());
}

absl::StatusOr<std::string> AbsolutePath(const std::string& path) {
  if (path.starts_with("/")) return path;
  const absl::StatusOr<std::string> folder = CurrentFolder();
  if (!folder.ok()) return folder.status();
  return absl::StrCat(*folder == "/" ? "" : *folder, "/", path);
}

}  // namespace wslm::cli
