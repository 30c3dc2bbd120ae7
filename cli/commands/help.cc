#include "cli/commands/help.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/exit_codes.h"
#include "cli/output/text.h"
#include "distros/host/error.h"

namespace wslm::cli {

std::string CommandLines(const Commands& commands, const std::string& prefix) {
  size_t width = 0;
  for (const std::unique_ptr<Command>& command : commands) width = std::max(width, command->name().size());
  std::string text;
  for (const std::unique_ptr<Command>& command : commands) {
    if (!command->name().starts_with(prefix)) continue;
    absl::StrAppend(&text, "  ", PadRight(command->name(), width + 3), command->summary(), "\n");
  }
  return text;
}

std::string HelpText(const Commands& commands) {
  return absl::StrCat(
      "Usage:\n"
      "  wslm                                                         the login shell of the default distro\n"
      "  wslm [-d NAME] [-u USER] [--cd DIR] [-e] [--] CMD...         a command in a distro\n"
      "  wslm COMMAND ...                                             one of these\n\n",
      CommandLines(commands, ""),
      "\nThe first word that is no option is a command of wslm if it is one, else the guest's program; after -d, -u,\n"
      "--cd, -e or -- the rest is the guest's. wsl.exe's spellings (--import, -l -v, -t ...) work too.\n"
      "'wslm help COMMAND' tells more.\n");
}

absl::StatusOr<int> HelpCommand::Run() {
  if (words_.empty()) {
    console_.Out(HelpText(commands_));
    return kExitOk;
  }
  const std::string name = absl::StrJoin(words_, " ");
  for (const std::unique_ptr<Command>& command : commands_) {
    if (command->name() != name) continue;
    console_.Out(command->Help());
    return kExitOk;
  }
  const std::string family = CommandLines(commands_, absl::StrCat(name, " "));
  if (family.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("There is no command '", Escaped(name), "'. 'wslm help' shows them."));
  }
  console_.Out(family);
  return kExitOk;
}

void HelpCommand::AddArguments(Arguments& arguments) { arguments.Words("COMMAND", words_, 0, 2); }

}  // namespace wslm::cli
