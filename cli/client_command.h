// A command that talks to the daemon.
#ifndef WSLM_CLI_CLIENT_COMMAND_H_
#define WSLM_CLI_CLIENT_COMMAND_H_

#include "cli/api/client.h"
#include "cli/command.h"
#include "cli/output/console.h"

namespace wslm::cli {

class ClientCommand : public Command {
 public:
  // Both must outlive it.
  ClientCommand(Client& client, Console& console) : client_(client), console_(console) {}

 protected:
  void AddArguments(Arguments&) override {}

  Client& client_;
  Console& console_;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_CLIENT_COMMAND_H_
