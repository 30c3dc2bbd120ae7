#include "runtime-v1/init/plan.h"

#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <optional>

#include "runtime-v1/init/text.h"

namespace wslm::init {
namespace {

proto::StreamEnd Invalid(const std::string& message) {
  return Failure(Code::kInvalidArgument, "INVALID_ARGUMENT", message);
}

std::string Hostname() {
  char name[HOST_NAME_MAX + 1] = {};
  ::gethostname(name, sizeof(name) - 1);
  return name;
}

// The first that there is of: wsl.conf's, the record's, root.
User DefaultUser(const Accounts& accounts, const WslConf& conf, const std::string& recorded,
                 std::vector<std::string>& warnings) {
  for (const std::string& name : {conf.default_user, recorded}) {
    if (name.empty()) continue;
    if (std::optional<User> user = accounts.Find(name)) return *std::move(user);
    warnings.push_back("The default user '" + Escaped(name) + "' is not in the distro's /etc/passwd.");
  }
  if (std::optional<User> root = accounts.Find("root")) return *std::move(root);
  return {.name = "root", .home = "/root", .shell = "/bin/sh"};
}

// Where a login manager made it (systemd's user@.service): the folder of the user's own sockets, and the bus in it.
void AddRuntimeFolder(const User& user, Environment& environment) {
  const std::string folder = "/run/user/" + std::to_string(user.uid);
  const std::string bus = folder + "/bus";
  struct stat stat;
  if (::lstat(folder.c_str(), &stat) < 0 || !S_ISDIR(stat.st_mode) || stat.st_uid != user.uid) return;
  environment.emplace("XDG_RUNTIME_DIR", folder);
  if (::lstat(bus.c_str(), &stat) == 0 && S_ISSOCK(stat.st_mode)) {
    environment.emplace("DBUS_SESSION_BUS_ADDRESS", "unix:path=" + bus);
  }
}

std::string LocaleFile() {
  std::string text = ReadTextFile("/etc/default/locale");
  return text.empty() ? ReadTextFile("/etc/locale.conf") : text;
}

}  // namespace

std::variant<PlannedSession, proto::StreamEnd> PlanSession(const proto::InstanceConfig& config, const WslConf& conf,
                                                           const proto::SessionStart& start) {
  PlannedSession session;
  LaunchPlan& plan = session.launch;
  const Accounts accounts(ReadTextFile("/etc/passwd"), ReadTextFile("/etc/group"));
  if (start.user().empty()) {
    const std::string& recorded =
        start.has_record_default_user() ? start.record_default_user() : config.record_default_user();
    plan.user = DefaultUser(accounts, conf, recorded, session.warnings);
  } else if (std::optional<User> user = accounts.Find(start.user())) {
    plan.user = *std::move(user);
  } else {
    return Failure(Code::kNotFound, "USER_NOT_FOUND", "The distro has no user called '" + Escaped(start.user()) + "'.");
  }
  plan.groups = accounts.GroupsOf(plan.user);
  plan.terminal_gid = accounts.GroupNamed("tty").value_or(plan.user.gid);

  std::vector<std::string> words(start.argv().begin(), start.argv().end());
  for (const std::string& word : words) {
    if (word.find('\0') != std::string::npos) return Invalid("A command's word has a NUL byte in it.");
  }
  plan.command = CommandOf(words, start.shell(), plan.user.shell);
  session.shown = ShownCommand(words, plan.user.shell);

  const std::string& folder = start.folder();
  if (folder.find('\0') != std::string::npos) return Invalid("The folder has a NUL byte in it.");
  if (folder == "~" || folder.compare(0, 2, "~/") == 0) {
    plan.folder = plan.user.home + folder.substr(1);
  } else if (folder.empty() || folder[0] == '/') {
    plan.folder = folder;
  } else {
    return Invalid("The folder '" + Escaped(folder) + "' is neither absolute nor begins with '~'.");
  }
  if (const std::string& host_folder = start.host_folder(); !host_folder.empty()) {
    if (host_folder.find('\0') != std::string::npos) return Invalid("The host's folder has a NUL byte in it.");
    plan.host_folder = conf.host_folder + host_folder;
    plan.host_folder_shown = Escaped(host_folder);
  }

  plan.environment = EnvironmentOf(plan.user,
                                   {.environment = ReadTextFile("/etc/environment"),
                                    .login_defs = ReadTextFile("/etc/login.defs"),
                                    .locale = LocaleFile()},
                                   config, start, Hostname());
  AddRuntimeFolder(plan.user, plan.environment);
  plan.stdin_terminal = start.stdin_terminal();
  plan.stdout_terminal = start.stdout_terminal();
  plan.stderr_terminal = start.stderr_terminal();
  plan.window = start.window();
  return session;
}

}  // namespace wslm::init
