#include "runtime-v1/init/environment.h"

#include "distros/config/words.h"
#include "runtime-v1/init/text.h"

namespace wslm::init {
namespace {

constexpr std::string_view kRootPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
// WSL gives everyone the system folders, too.
constexpr std::string_view kUserPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games:/usr/local/games";

// `ENV_PATH PATH=/usr/bin:…` of login.defs(5), with or without the "PATH=".
std::string LoginDefsPath(std::string_view text, std::string_view key) {
  for (const std::string_view raw : Split(text, '\n')) {
    std::string_view line = Trimmed(raw);
    if (line.substr(0, key.size()) != key) continue;
    line.remove_prefix(key.size());
    if (line.empty() || (line[0] != ' ' && line[0] != '\t')) continue;
    line = Trimmed(line);
    if (line.substr(0, 5) == "PATH=") line.remove_prefix(5);
    return std::string(line);
  }
  return "";
}

std::string_view Unquoted(std::string_view value) {
  if (value.size() >= 2 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0]) {
    return value.substr(1, value.size() - 2);
  }
  return value;
}

bool IsName(std::string_view name) { return !name.empty() && name.find_first_of(" \t=") == std::string_view::npos; }

}  // namespace

Environment ParseAssignments(std::string_view text) {
  Environment result;
  for (const std::string_view raw : Split(text, '\n')) {
    std::string_view line = Trimmed(raw);
    constexpr std::string_view kExport = "export ";
    if (line.substr(0, kExport.size()) == kExport) line = Trimmed(line.substr(kExport.size()));
    const size_t equals = line.find('=');
    if (line.empty() || line[0] == '#' || equals == std::string_view::npos) continue;
    const std::string_view name = Trimmed(line.substr(0, equals));
    if (IsName(name)) result[std::string(name)] = Unquoted(Trimmed(line.substr(equals + 1)));
  }
  return result;
}

Environment EnvironmentOf(const User& user, const EnvironmentFiles& files,
                          const ::wslm::runtime::v1::InstanceConfig& config,
                          const ::wslm::runtime::v1::SessionStart& start, const std::string& hostname) {
  const bool root = user.uid == 0;
  Environment result = ParseAssignments(files.environment);
  if (std::string& path = result["PATH"]; path.empty()) {
    path = LoginDefsPath(files.login_defs, root ? "ENV_SUPATH" : "ENV_PATH");
    if (path.empty()) path = root ? kRootPath : kUserPath;
  }
  const Environment locale = ParseAssignments(files.locale);
  for (const auto& [name, value] : locale) {
    const bool of_locale = name == "LANG" || name == "LANGUAGE" || name.compare(0, 3, "LC_") == 0;
    if (of_locale && !value.empty()) result.emplace(name, value);
  }
  result["HOME"] = user.home;
  result["USER"] = user.name;
  result["LOGNAME"] = user.name;
  result["SHELL"] = user.shell;
  const bool terminal = start.stdin_terminal() || start.stdout_terminal() || start.stderr_terminal();
  result["TERM"] = !start.term().empty() ? start.term() : terminal ? "xterm" : "dumb";
  result["WSL_DISTRO_NAME"] = config.distro_name();
  result["HOSTTYPE"] = "x86_64";
  result["NAME"] = hostname;
  for (const auto& variable : start.environment()) {
    const std::string& name = variable.name();
    const bool valid = !name.empty() && name.find('=') == std::string::npos && name.find('\0') == std::string::npos;
    if (valid && variable.value().find('\0') == std::string::npos) result[name] = variable.value();
  }
  return result;
}

}  // namespace wslm::init
