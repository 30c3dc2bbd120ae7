// `wslm help` and `wslm help COMMAND`.
#ifndef WSLM_CLI_COMMANDS_HELP_H_
#define WSLM_CLI_COMMANDS_HELP_H_

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/output/console.h"

namespace wslm::cli {

// The text of `wslm help`.
std::string HelpText(const Commands& commands);
// One line for each of `commands` whose name begins with `prefix`.
std::string CommandLines(const Commands& commands, const std::string& prefix);

class HelpCommand : public Command {
 public:
  // `commands` outlives it, and holds it too.
  HelpCommand(Console& console, const Commands& commands) : console_(console), commands_(commands) {}

  std::string name() const override { return "help"; }
  std::string summary() const override { return "Show the commands, or one of them"; }
  std::string usage() const override { return "help [COMMAND]"; }
  absl::StatusOr<int> Run() override;

 protected:
  void AddArguments(Arguments& arguments) override;

 private:
  Console& console_;
  const Commands& commands_;
  std::vector<std::string> words_;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_COMMANDS_HELP_H_
