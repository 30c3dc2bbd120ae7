#include "distros/host/home.h"

#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"

namespace wslm {
namespace {

constexpr size_t kSocketPathMax = sizeof(sockaddr_un::sun_path) - 1;
// Room for the longest path of a socket below the run folder.
constexpr size_t kRelativeMax = 64;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string WithoutTrailingSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string HomeFolder() {
  const std::string home = Environment("HOME");
  if (!home.empty() && home.front() == '/') return WithoutTrailingSlashes(home);
  std::vector<char> buffer(16384);
  passwd entry;
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return "";
  const std::string folder = found->pw_dir != nullptr ? found->pw_dir : "";
  return !folder.empty() && folder.front() == '/' ? WithoutTrailingSlashes(folder) : "";
}

// The XDG specification: a relative path counts as none.
std::string XdgFolder(const char* variable, const std::string& home, const char* fallback) {
  const std::string value = Environment(variable);
  if (!value.empty() && value.front() == '/') return absl::StrCat(WithoutTrailingSlashes(value), "/wslm");
  return home.empty() ? "" : absl::StrCat(home, fallback, "/wslm");
}

bool IsOwnFolder(const std::string& path) {
  struct stat st;
  return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == ::geteuid();
}

std::string RunFolder() {
  // After `su` the variable may still name another user's folder.
  const std::string runtime = WithoutTrailingSlashes(Environment("XDG_RUNTIME_DIR"));
  if (!runtime.empty() && runtime.front() == '/' && IsOwnFolder(runtime)) return absl::StrCat(runtime, "/wslm");
  const std::string user = absl::StrCat("/run/user/", ::geteuid());
  if (IsOwnFolder(user)) return absl::StrCat(user, "/wslm");
  return absl::StrCat("/tmp/wslm-", ::geteuid());
}

// A folder that no other user can have made or can look into.
absl::Status CheckPrivate(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat st;
  if (!fd || ::fstat(fd.get(), &st) != 0) return ErrnoError("cannot open", path);
  if (S_ISDIR(st.st_mode) && st.st_uid == ::geteuid() && (st.st_mode & 07777) == 0700) return absl::OkStatus();
  return Error(absl::StatusCode::kPermissionDenied, reason::kPermissionDenied,
               absl::StrCat("The folder ", Escaped(path),
                            " must be a real folder of yours with mode 0700, and is not; remove it, or set its mode "
                            "with chmod 700 if it is yours."),
               {{"path", path}});
}

absl::Status MakePrivate(const std::string& path) {
  RETURN_IF_ERROR(MakeFolders(path));
  return CheckPrivate(path);
}

// FNV-1a, 64 bits: the same in every program and version, unlike std::hash.
uint64_t Hash(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

std::string ShortFolder(const std::string& run) {
  return absl::StrFormat("/tmp/wslm-%d-%016x", ::geteuid(), Hash(run));
}

}  // namespace

absl::StatusOr<Home> Home::FromEnvironment() {
  Home home;
  const std::string root = WithoutTrailingSlashes(Environment("WSLM_HOME"));
  if (!root.empty()) {
    if (root.front() != '/') {
      return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                   absl::StrCat("WSLM_HOME is '", Escaped(root), "'; it must be an absolute path."),
                   {{"field", "WSLM_HOME"}});
    }
    const std::string prefix = root == "/" ? "" : root;
    home.data = prefix + "/data";
    home.config = prefix + "/config";
    home.state = prefix + "/state";
    home.cache = prefix + "/cache";
    home.run = prefix + "/run";
    return home;
  }
  const std::string user = HomeFolder();
  home.data = XdgFolder("XDG_DATA_HOME", user, "/.local/share");
  home.config = XdgFolder("XDG_CONFIG_HOME", user, "/.config");
  home.state = XdgFolder("XDG_STATE_HOME", user, "/.local/state");
  home.cache = XdgFolder("XDG_CACHE_HOME", user, "/.cache");
  home.run = RunFolder();
  if (home.data.empty() || home.config.empty() || home.state.empty() || home.cache.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 "You have no home folder: set WSLM_HOME to the folder in which wslm may keep its files.",
                 {{"field", "WSLM_HOME"}});
  }
  return home;
}

absl::Status Home::Create() const {
  for (const std::string* folder : {&data, &config, &state, &cache}) RETURN_IF_ERROR(MakeFolders(*folder));
  RETURN_IF_ERROR(MakePrivate(run));
  if (run.size() + 1 + kRelativeMax > kSocketPathMax) RETURN_IF_ERROR(MakePrivate(ShortFolder(run)));
  return absl::OkStatus();
}

std::string Home::SocketPath(const std::string& relative) const {
  std::string path = absl::StrCat(run, "/", relative);
  if (path.size() <= kSocketPathMax) return path;
  // One level only, so that Create can make the folder without knowing the sockets.
  std::string name = relative;
  std::replace(name.begin(), name.end(), '/', '-');
  if (name.size() > kRelativeMax) name = absl::StrFormat("%016x.sock", Hash(relative));
  return absl::StrCat(ShortFolder(run), "/", name);
}

std::string ProgramPath(const std::string& name) {
  std::vector<std::string> folders;
  if (const std::string libexec = WithoutTrailingSlashes(Environment("WSLM_LIBEXEC")); !libexec.empty()) {
    folders.push_back(libexec);
  }
  char executable[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", executable, sizeof(executable));
  if (length > 0) {
    const std::string path(executable, static_cast<size_t>(length));
    const std::string folder = path.substr(0, path.rfind('/'));
    folders.push_back(folder);
    folders.push_back(folder.substr(0, folder.rfind('/')) + "/libexec/wslm");
  }
  for (const std::string& folder : folders) {
    const std::string path = absl::StrCat(folder, "/", name);
    struct stat st;
    if (::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && ::access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

}  // namespace wslm
