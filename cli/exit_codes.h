// The codes that wslm exits with when they are its own.
#ifndef WSLM_CLI_EXIT_CODES_H_
#define WSLM_CLI_EXIT_CODES_H_

namespace wslm::cli {

// Commands that manage.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
// The operation goes on without its client.
inline constexpr int kExitDetached = 3;
inline constexpr int kExitCancelled = 130;

// Running a command; every other code is the guest's.
inline constexpr int kExitOwnFailure = 125;
inline constexpr int kExitNotFound = 127;
// What a shell makes of SIGPIPE.
inline constexpr int kExitBrokenPipe = 141;
// Plus the number of the signal that ended the command.
inline constexpr int kExitSignalBase = 128;

}  // namespace wslm::cli

#endif  // WSLM_CLI_EXIT_CODES_H_
