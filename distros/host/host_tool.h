// Runs a program of the host (mke2fs, e2fsck, qemu-img) to its end: a fixed argument list, no shell, no terminal.
//
//   ASSIGN_OR_RETURN(const ToolResult result, RunTool("e2fsck", {"-fn", "--", image}, {.cancel = cancel}));
//   if (result.exit_code != 0) …
//
// The program dies with the thread that waits for it, so that none goes on writing into an image whose lock is gone.
#ifndef WSLM_DISTROS_HOST_HOST_TOOL_H_
#define WSLM_DISTROS_HOST_HOST_TOOL_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "distros/host/cancel.h"

namespace wslm {

struct ToolOptions {
  // When it becomes true, the program is killed within 100 ms. May be null.
  const CancelFlag* cancel = nullptr;
  // After so long it is killed; 0: never.
  std::chrono::milliseconds timeout{0};
  // What it may use at most, for programs that read what strangers made; 0: no bound. Bytes of address space, seconds
  // of processor time.
  int64_t memory = 0;
  int64_t processor_seconds = 0;
  // It has these as 3, 4, … ("/dev/fd/3"), beside the standard streams.
  std::vector<int> descriptors;
};

struct ToolResult {
  int exit_code = 0;
  // Standard output and error as they came, at most their first 64 KiB.
  std::string output;
};

// Finds `name` in PATH, then in /usr/local/sbin, /usr/sbin and /sbin, which an ordinary user's PATH lacks on Debian.
// Blocks until it ends. Thread-safe. Errors: HOST_UNSUPPORTED when it isn't installed; CANCELLED; IO_ERROR when it
// can't be run, a signal ended it, or it took longer than `timeout`.
absl::StatusOr<ToolResult> RunTool(const std::string& name, const std::vector<std::string>& arguments,
                                   const ToolOptions& options = {});

}  // namespace wslm

#endif  // WSLM_DISTROS_HOST_HOST_TOOL_H_
