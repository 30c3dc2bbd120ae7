// The options of a command that runs in a distro, and where the guest's words begin.
#ifndef WSLM_CLI_RUN_OPTIONS_H_
#define WSLM_CLI_RUN_OPTIONS_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace wslm::cli {

// How the guest's words become a process.
enum class RunShell { kCommand, kLogin, kNone };

struct RunOptions {
  std::string distro;  // Empty: the default one.
  std::string user;    // Empty: the distro's default user.
  std::string folder;  // As given; empty: the caller's folder.
  RunShell shell = RunShell::kCommand;
  std::vector<std::pair<std::string, std::string>> environment;
  std::optional<bool> terminal;  // Absent: each stream as it is at the client.
  bool detach = false;
  bool help = false;
  std::vector<std::string> command;  // Empty: the user's login shell.
};

// The spellings of a run.
enum class RunForm {
  kShort,  // `wslm -d NAME CMD`: -d -u --cd -e -- --shell-type.
  kRun,    // `wslm run …`: those, and -E --tty --no-tty --detach.
};

// Reads options up to the first word that is none. Error: INVALID_ARGUMENT, a sentence on what is wrong.
absl::StatusOr<RunOptions> ParseRunOptions(RunForm form, const std::vector<std::string>& words);

// Whether `word` is an option of a run whose value is the next word ("-d", but not "-dDebian").
bool RunOptionTakesNextWord(std::string_view word);

}  // namespace wslm::cli

#endif  // WSLM_CLI_RUN_OPTIONS_H_
