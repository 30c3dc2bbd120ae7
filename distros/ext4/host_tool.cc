#include "distros/ext4/host_tool.h"

#include <fcntl.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "distros/host/error.h"
#include "distros/host/spawn.h"
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
  const std::vector<std::string> environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                                "LC_ALL=C", "MKE2FS_CONFIG=/nonexistent", "E2FSCK_CONFIG=/nonexistent"};
  SpawnPlan plan;
  plan.SetOutput(write_end.get());
  ASSIGN_OR_RETURN(const pid_t pid, plan.Spawn(program, argv, environment));
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
