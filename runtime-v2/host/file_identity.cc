#include "runtime-v2/host/file_identity.h"

#include <sys/stat.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/tree/fast_hash.h"

namespace wslm {

absl::StatusOr<std::string> FileIdentity(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return Error(absl::StatusCode::kNotFound, reason::kFileNotFound,
                 absl::StrCat("There is no file ", Escaped(path), "."), {{"path", path}});
  }
  return absl::StrCat(path, " ", status.st_size, " ", status.st_ino, " ", status.st_mtim.tv_sec, ".",
                      status.st_mtim.tv_nsec);
}

std::string NameOfIdentity(std::string_view identity) {
  FastHash hash;
  hash.Update(identity);
  const FastHash::Digest digest = hash.Finish();
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

}  // namespace wslm
