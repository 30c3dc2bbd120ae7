#include "cli/command.h"

#include <algorithm>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "cli/exit_codes.h"
#include "cli/output/text.h"
#include "distros/host/error.h"

namespace wslm::cli {
namespace {

// The options as CLI11 knows them, one on a line.
std::string OptionLines(const CLI::App& app) {
  std::vector<std::pair<std::string, std::string>> lines;
  size_t width = 0;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) continue;
    std::string name = option->get_name(false, true);
    std::ranges::replace(name, ',', ' ');
    if (option->get_items_expected_max() > 0) absl::StrAppend(&name, " ", option->get_type_name());
    width = std::max(width, name.size());
    lines.emplace_back(name, option->get_description());
  }
  std::string text;
  for (const auto& [name, description] : lines)
    absl::StrAppend(&text, "  ", PadRight(name, width + 3), description, "\n");
  return text;
}

}  // namespace

void Arguments::Word(const std::string& name, std::string& value) { app_.add_option(name, value)->required(); }

void Arguments::OptionalWord(const std::string& name, std::string& value) { app_.add_option(name, value); }

void Arguments::Words(const std::string& name, std::vector<std::string>& values, int least, int most) {
  app_.add_option(name, values)->expected(least, most)->required(least > 0);
}

void Arguments::Flag(const std::string& name, bool& value, const std::string& what) {
  app_.add_flag(name, value, what);
}

void Arguments::Option(const std::string& name, const std::string& value_name, std::string& value,
                       const std::string& what, const std::vector<std::string>& allowed) {
  CLI::Option* option = app_.add_option(name, value, what)->type_name(value_name);
  if (!allowed.empty()) option->check(CLI::IsMember(allowed).description(""));
}

void Arguments::DescribeFlag(const std::string& name, const std::string& what) {
  app_.add_flag(name)->description(what);
}

void Arguments::DescribeOption(const std::string& name, const std::string& value_name, const std::string& what) {
  app_.add_option(name)->expected(1)->type_name(value_name)->description(what);
}

void Arguments::Exclude(const std::string& a, const std::string& b) {
  app_.get_option(a)->excludes(app_.get_option(b));
}

void Arguments::Need(const std::string& a, const std::string& b) { app_.get_option(a)->needs(app_.get_option(b)); }

absl::Status Command::Parse(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (!IsUtf8(word)) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", Escaped(word), "' is not UTF-8. A file of that name can be read through '-'."));
    }
  }
  CLI::App app;
  app.set_help_flag("--help", "Show this");
  Arguments arguments(app);
  AddArguments(arguments);
  try {
    // CLI11 wants the last word first.
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::CallForHelp&) {
    help_wanted_ = true;
  } catch (const CLI::Error& error) {
    std::string text = Escaped(error.what());
    while (!text.empty() && (text.back() == '.' || text.back() == ' ')) text.pop_back();
    return absl::InvalidArgumentError(absl::StrCat(text, ". Usage: wslm ", usage(), ". See 'wslm help ", name(), "'."));
  }
  return absl::OkStatus();
}

std::string Command::Help() {
  CLI::App app;
  app.set_help_flag("--help", "Show this");
  Arguments arguments(app);
  AddArguments(arguments);
  std::string text = absl::StrCat("Usage: wslm ", usage(), "\n\n", summary(), ".\n");
  if (!details().empty()) absl::StrAppend(&text, "\n", details(), "\n");
  absl::StrAppend(&text, "\nOptions:\n", OptionLines(app));
  return text;
}

int Command::usage_error_code() const { return kExitUsage; }
int Command::failure_code() const { return kExitFailed; }
int Command::cancelled_code() const { return kExitCancelled; }

}  // namespace wslm::cli
