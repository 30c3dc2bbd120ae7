#include "cli/run_command_line.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/command_table.h"
#include "cli/commands/help.h"
#include "cli/commands/run.h"
#include "cli/exit_codes.h"
#include "distros/host/error.h"

namespace wslm::cli {
namespace {

int ExitCodeOf(const absl::Status& status, const Command& command) {
  const std::string why = ReasonOf(status);
  // A status of the command's own, without a reason of the API's.
  if (why.empty() && absl::IsInvalidArgument(status)) return command.usage_error_code();
  const bool cancelled = why.empty() ? absl::IsCancelled(status) : why == reason::kCancelled;
  return cancelled ? command.cancelled_code() : command.failure_code();
}

// "op" without the second word of "op list", or with one that there is not.
int ShowFamily(const CommandLine& line, const Commands& commands, Console& console) {
  const std::string members = CommandLines(commands, absl::StrCat(line.command, " "));
  if (!line.words.empty() && line.words[0] == "--help") {
    console.Out(members);
    return kExitOk;
  }
  console.Note(line.words.empty() ? absl::StrCat("wslm: '", line.command, "' wants one of these after it:")
                                  : absl::StrCat("wslm: There is no command '", line.command, " ",
                                                 Escaped(line.words[0]), "'. There are:"));
  console.Note(std::string(absl::StripTrailingAsciiWhitespace(members)));
  return kExitUsage;
}

}  // namespace

int RunCommandLine(const CommandLine& line, const Commands& commands, const absl::Status& environment,
                   Console& console) {
  Command* command = FindCommand(commands, line.command);
  if (command == nullptr) return ShowFamily(line, commands, console);
  if (line.short_run) {
    auto& run = static_cast<RunCommand&>(*command);
    run.set_form(RunForm::kShort);
    if (line.bare) run.set_suggestion(CloseCommand(line.words[0], NamesOf(commands)));
  }
  if (const absl::Status status = command->Parse(line.words); !status.ok()) {
    console.Report(status);
    return command->usage_error_code();
  }
  if (command->help_wanted()) {
    console.Out(command->Help());
    return kExitOk;
  }
  if (!environment.ok() && line.command != "help") {
    console.Report(environment);
    return command->failure_code();
  }
  const absl::StatusOr<int> code = command->Run();
  if (code.ok()) return *code;
  console.Report(code.status());
  return ExitCodeOf(code.status(), *command);
}

}  // namespace wslm::cli
