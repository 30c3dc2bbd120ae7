#include "cli/run_options.h"

#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cli/legacy_spellings.h"
#include "cli/output/text.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::cli {
namespace {

enum class Id { kDistro, kUser, kFolder, kExec, kShellType, kEnvironment, kTty, kNoTty, kDetach, kHelp };

struct RunOption {
  std::string_view name;
  Id id;
  bool takes_value;
  bool only_after_run;
};

constexpr RunOption kOptions[] = {
    {"-d", Id::kDistro, true, false},
    {"-u", Id::kUser, true, false},
    {"--cd", Id::kFolder, true, false},
    {"-e", Id::kExec, false, false},
    {"--shell-type", Id::kShellType, true, false},
    {"--help", Id::kHelp, false, false},
    {"-E", Id::kEnvironment, true, true},
    {"--tty", Id::kTty, false, true},
    {"--no-tty", Id::kNoTty, false, true},
    {"--detach", Id::kDetach, false, true},
};

const RunOption* FindOption(std::string_view name) {
  for (const RunOption& option : kOptions) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

absl::Status Usage(const std::string& sentence) { return absl::InvalidArgumentError(sentence); }

// "-d", "-dDebian", "--cd", "--cd=/": the option and, where it is attached, its value.
struct Word {
  const RunOption* option = nullptr;
  std::optional<std::string> value;
};

Word SplitWord(const std::string& word) {
  if (const RunOption* option = FindOption(word)) return {option, std::nullopt};
  if (word.starts_with("--")) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) return {};
    const RunOption* option = FindOption(std::string_view(word).substr(0, equals));
    if (option == nullptr || !option->takes_value) return {};
    return {option, word.substr(equals + 1)};
  }
  const RunOption* option = FindOption(std::string_view(word).substr(0, 2));
  if (option == nullptr || !option->takes_value) return {};
  return {option, word.substr(2)};
}

absl::Status SetShell(const std::string& type, RunShell& shell) {
  if (type == "standard") {
    shell = RunShell::kCommand;
  } else if (type == "login") {
    shell = RunShell::kLogin;
  } else if (type == "none") {
    shell = RunShell::kNone;
  } else {
    return Usage(absl::StrCat("The shell type is standard, login or none, not '", type, "'."));
  }
  return absl::OkStatus();
}

absl::Status Apply(const RunOption& option, const std::string& value, RunOptions& options) {
  const std::string name(option.name);
  if (option.takes_value && option.id != Id::kEnvironment && value.empty()) {
    return Usage(absl::StrCat("The value of ", name, " is empty."));
  }
  if (!IsUtf8(value)) return Usage(absl::StrCat("The value of ", name, " is not UTF-8."));
  switch (option.id) {
    case Id::kDistro:
      options.distro = value;
      break;
    case Id::kUser:
      options.user = value;
      break;
    case Id::kFolder:
      options.folder = value;
      break;
    case Id::kExec:
      options.shell = RunShell::kNone;
      break;
    case Id::kShellType:
      return SetShell(value, options.shell);
    case Id::kEnvironment: {
      const size_t equals = value.find('=');
      if (equals == 0 || equals == std::string::npos) {
        return Usage(absl::StrCat("-E wants NAME=VALUE, not '", value, "'."));
      }
      options.environment.emplace_back(value.substr(0, equals), value.substr(equals + 1));
      break;
    }
    case Id::kTty:
    case Id::kNoTty:
      if (options.terminal.has_value()) return Usage("Give one of --tty and --no-tty.");
      options.terminal = option.id == Id::kTty;
      break;
    case Id::kDetach:
      options.detach = true;
      break;
    case Id::kHelp:
      options.help = true;
      break;
  }
  return absl::OkStatus();
}

}  // namespace

bool RunOptionTakesNextWord(std::string_view word) {
  const RunOption* option = FindOption(word);
  return option != nullptr && option->takes_value;
}

absl::StatusOr<RunOptions> ParseRunOptions(RunForm form, const std::vector<std::string>& words) {
  RunOptions options;
  std::set<Id> seen;
  size_t next = 0;
  for (; next < words.size() && words[next].size() > 1 && words[next][0] == '-'; ++next) {
    if (words[next] == "--") {
      ++next;
      break;
    }
    const std::string& text = words[next];
    Word word = SplitWord(text);
    if (word.option == nullptr) {
      const std::string instead(InsteadOfLegacy(text));
      return Usage(
          absl::StrCat("There is no option '", Escaped(text), "'. ",
                       instead.empty() ? "'wslm help' shows the commands, 'wslm help run' the options." : instead));
    }
    const RunOption& option = *word.option;
    const std::string name(option.name);
    if (option.only_after_run && form == RunForm::kShort) {
      return Usage(absl::StrCat(name, " is an option of 'wslm run'."));
    }
    if (option.id != Id::kEnvironment && !seen.insert(option.id).second) {
      return Usage(absl::StrCat(name, " was given twice."));
    }
    if (option.takes_value && !word.value.has_value()) {
      if (next + 1 == words.size()) return Usage(absl::StrCat(name, " wants a value."));
      word.value = words[++next];
    }
    RETURN_IF_ERROR(Apply(option, word.value.value_or(""), options));
    if (options.help) return options;
  }
  options.command.assign(words.begin() + static_cast<std::ptrdiff_t>(next), words.end());
  if (options.command.empty()) {
    if (options.shell == RunShell::kNone) return Usage("Without a shell a program must be named.");
    if (options.detach) return Usage("--detach wants a command.");
  }
  if (options.detach && options.terminal.value_or(false)) return Usage("A detached command has no terminal.");
  return options;
}

}  // namespace wslm::cli
