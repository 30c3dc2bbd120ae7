// All commands.
#ifndef WSLM_CLI_COMMAND_TABLE_H_
#define WSLM_CLI_COMMAND_TABLE_H_

#include <string>
#include <vector>

#include "cli/api/client.h"
#include "cli/command.h"
#include "cli/output/console.h"
#include "distros/host/home.h"

namespace wslm::cli {

// What commands are made of; all of it outlives them.
struct Environment {
  Client& client;
  Console& console;
  // Of the daemon: WSLM_HOST's or the user's own.
  std::string socket_path;
};

// In the order of `wslm help`.
Commands MakeCommands(const Environment& environment);

std::vector<std::string> NamesOf(const Commands& commands);

// nullptr when there is none.
Command* FindCommand(const Commands& commands, const std::string& name);

}  // namespace wslm::cli

#endif  // WSLM_CLI_COMMAND_TABLE_H_
