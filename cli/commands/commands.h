// Makes each command; their classes are nobody else's business.
#ifndef WSLM_CLI_COMMANDS_COMMANDS_H_
#define WSLM_CLI_COMMANDS_COMMANDS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/api/client.h"
#include "cli/command.h"
#include "cli/output/console.h"

namespace wslm::cli {

std::unique_ptr<Command> MakeImportCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeImportInPlaceCommand(Client& client, Console& console);
std::unique_ptr<Command> MakePullCommand(Client& client, Console& console);
std::unique_ptr<Command> MakePushCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeExportCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeCloneCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeResizeCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeTrimCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeMountCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeUnmountCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeFilesCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeListCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeSetVersionCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeSetDefaultCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeTerminateCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeShutdownCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeHibernateCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeUnregisterCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeRecoverCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeCheckCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeCompareCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeStatusCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeVersionCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeSessionsCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeOpListCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeOpWatchCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeOpCancelCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeDaemonStartCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeDaemonStopCommand(Client& client, Console& console);
std::unique_ptr<Command> MakeDaemonStatusCommand(Client& client, Console& console);
// `socket_path` is where the daemon listens.
std::unique_ptr<Command> MakeDaemonSocketCommand(Client& client, Console& console, std::string socket_path);

}  // namespace wslm::cli

#endif  // WSLM_CLI_COMMANDS_COMMANDS_H_
