#include "cli/command_table.h"

#include "cli/commands/commands.h"
#include "cli/commands/help.h"
#include "cli/commands/run.h"

namespace wslm::cli {

Commands MakeCommands(const Environment& environment) {
  Client& client = environment.client;
  Console& console = environment.console;
  Commands commands;
  commands.push_back(std::make_unique<RunCommand>(client, console));
  commands.push_back(MakeImportCommand(client, console));
  commands.push_back(MakeImportInPlaceCommand(client, console));
  commands.push_back(MakeExportCommand(client, console));
  commands.push_back(MakePullCommand(client, console));
  commands.push_back(MakePushCommand(client, console));
  commands.push_back(MakeCloneCommand(client, console));
  commands.push_back(MakeListCommand(client, console));
  commands.push_back(MakeSetVersionCommand(client, console));
  commands.push_back(MakeSetDefaultCommand(client, console));
  commands.push_back(MakeTerminateCommand(client, console));
  commands.push_back(MakeShutdownCommand(client, console));
  commands.push_back(MakeHibernateCommand(client, console));
  commands.push_back(MakeUnregisterCommand(client, console));
  commands.push_back(MakeRecoverCommand(client, console));
  commands.push_back(MakeCheckCommand(client, console));
  commands.push_back(MakeCompareCommand(client, console));
  commands.push_back(MakeResizeCommand(client, console));
  commands.push_back(MakeTrimCommand(client, console));
  commands.push_back(MakeMountCommand(client, console));
  commands.push_back(MakeUnmountCommand(client, console));
  commands.push_back(MakeSessionsCommand(client, console));
  commands.push_back(MakeFilesCommand(client, console));
  commands.push_back(MakeOpListCommand(client, console));
  commands.push_back(MakeOpWatchCommand(client, console));
  commands.push_back(MakeOpCancelCommand(client, console));
  commands.push_back(MakeDaemonStartCommand(client, console));
  commands.push_back(MakeDaemonStopCommand(client, console));
  commands.push_back(MakeDaemonStatusCommand(client, console));
  commands.push_back(MakeDaemonSocketCommand(client, console, environment.socket_path));
  commands.push_back(MakeStatusCommand(client, console));
  commands.push_back(MakeVersionCommand(client, console));
  commands.push_back(std::make_unique<HelpCommand>(console, commands));
  return commands;
}

std::vector<std::string> NamesOf(const Commands& commands) {
  std::vector<std::string> names;
  for (const std::unique_ptr<Command>& command : commands) names.push_back(command->name());
  return names;
}

Command* FindCommand(const Commands& commands, const std::string& name) {
  for (const std::unique_ptr<Command>& command : commands) {
    if (command->name() == name) return command.get();
  }
  return nullptr;
}

}  // namespace wslm::cli
