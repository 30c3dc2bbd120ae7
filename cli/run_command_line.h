// From a command line to an exit code: finds the command, parses, runs, reports what went wrong.
#ifndef WSLM_CLI_RUN_COMMAND_LINE_H_
#define WSLM_CLI_RUN_COMMAND_LINE_H_

#include "absl/status/status.h"
#include "cli/command.h"
#include "cli/grammar.h"
#include "cli/output/console.h"

namespace wslm::cli {

// Answers the code to exit with. `environment` is what is wrong with the variables that say where things are; help
// needs none of them. The command called "run" must be a RunCommand.
int RunCommandLine(const CommandLine& line, const Commands& commands, const absl::Status& environment,
                   Console& console);

}  // namespace wslm::cli

#endif  // WSLM_CLI_RUN_COMMAND_LINE_H_
