#include "distros/ext4/host_tool.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"

namespace wslm::ext4 {
namespace {

constexpr size_t kOutputLimit = 64 << 10;

std::string FindProgram(const std::string& name) {
  const char* path = std::getenv("PATH");
  const std::string places = absl::StrCat(path == nullptr ? "" : path, ":/usr/local/sbin:/usr/sbin:/sbin");
  for (const absl::string_view place : absl::StrSplit(places, ':')) {
    // A relative place would depend on the working folder.
    if (place.empty() || place.front() != '/') continue;
    std::string program = absl::StrCat(place, "/", name);
    if (::access(program.c_str(), X_OK) == 0) return program;
  }
  return "";
}

// What a spawned child gets: nothing on standard input, `output` as standard output and error, no other descriptor, and
// signals as a fresh process has them.
class SpawnPlan {
 public:
  explicit SpawnPlan(int output) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, output, 1);
    posix_spawn_file_actions_adddup2(&actions_, output, 2);
    posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::string ReadOutput(int fd) {
  std::string output;
  char buffer[4096];
  while (true) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return output;
    // What is over the limit is read too, so that the child never waits for room in the pipe.
    output.append(buffer, std::min<size_t>(got, kOutputLimit - output.size()));
  }
}

}  // namespace

absl::StatusOr<ToolResult> RunTool(const std::string& name, const std::vector<std::string>& arguments) {
  const std::string program = FindProgram(name);
  if (program.empty()) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kHostUnsupported,
                 absl::StrCat("The program ", name, " is not installed. Install the package e2fsprogs."),
                 {{"program", name}});
  }
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoError("cannot make a pipe for", program);
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);

  std::vector<std::string> argv = {program};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  // The machine's own mke2fs.conf and e2fsck.conf must not change what we make; messages must be in English, since
  // callers quote them.
  std::vector<std::string> environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                          "LC_ALL=C", "MKE2FS_CONFIG=/nonexistent", "E2FSCK_CONFIG=/nonexistent"};
  const SpawnPlan plan(write_end.get());
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, program.c_str(), plan.actions(), plan.attributes(), Pointers(argv).data(),
                                  Pointers(environment).data());
  if (error != 0) return ErrnoError("cannot run", program, error);
  write_end.Reset();

  ToolResult result;
  result.output = ReadOutput(read_end.get());
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return ErrnoError("cannot wait for", program);
  }
  if (!WIFEXITED(status)) {
    return Error(absl::StatusCode::kInternal, reason::kIoError,
                 absl::StrCat(program, " was ended by signal ", WTERMSIG(status), "."));
  }
  result.exit_code = WEXITSTATUS(status);
  return result;
}

}  // namespace wslm::ext4
