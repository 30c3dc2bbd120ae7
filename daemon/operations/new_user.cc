#include "daemon/operations/new_user.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/instances/instance_calls.h"
#include "distros/host/error.h"
#include "distros/host/invalid.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {
namespace {

constexpr size_t kMaxName = 32;
// (uid_t)-1 means "no change" to the kernel.
constexpr uint32_t kNoUid = 0xffffffff;
constexpr absl::Duration kTimeout = absl::Minutes(2);

// $1 is the name, $2 the uid or empty. Only the name's form that ParseNewUser lets pass gets here.
constexpr char kScript[] = R"sh(set -e
name=$1 uid=$2
if id -u "$name" >/dev/null 2>&1; then
  if [ -n "$uid" ] && [ "$(id -u "$name")" != "$uid" ]; then
    echo "the distro has a user $name already, with uid $(id -u "$name")" >&2
    exit 1
  fi
else
  shell=/bin/sh
  if [ -x /bin/bash ]; then shell=/bin/bash; fi
  if command -v useradd >/dev/null 2>&1; then
    useradd -m -s "$shell" ${uid:+-u "$uid"} "$name"
  elif command -v adduser >/dev/null 2>&1; then
    adduser -D -s "$shell" ${uid:+-u "$uid"} "$name"
  else
    echo "the distro has neither useradd nor adduser" >&2
    exit 1
  fi
fi
for group in sudo wheel; do
  if grep -q "^$group:" /etc/group; then
    if command -v usermod >/dev/null 2>&1; then usermod -a -G "$group" "$name"; else addgroup "$name" "$group"; fi
    break
  fi
done
)sh";

bool IsUserName(std::string_view name) {
  if (name.empty() || name.size() > kMaxName) return false;
  if (!absl::ascii_islower(static_cast<unsigned char>(name[0])) && name[0] != '_') return false;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (!absl::ascii_islower(byte) && !absl::ascii_isdigit(byte) && c != '_' && c != '-') return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<NewUser> ParseNewUser(std::string_view text) {
  NewUser user;
  const size_t colon = text.find(':');
  user.name = std::string(text.substr(0, colon));
  if (!IsUserName(user.name)) {
    return Invalid("user", "A user's name is 1 to 32 of a-z, 0-9, '_' and '-', and begins with a letter or '_'.");
  }
  if (colon == std::string_view::npos) return user;
  const std::string digits(text.substr(colon + 1));
  uint32_t uid = 0;
  bool only_digits = !digits.empty();
  for (const char c : digits) only_digits = only_digits && absl::ascii_isdigit(static_cast<unsigned char>(c));
  if (!only_digits || !absl::SimpleAtoi(digits, &uid) || uid == kNoUid) {
    return Invalid("user", "A uid is a number from 0 to 4294967294.");
  }
  if (user.name == "root" && uid != 0) return Invalid("user", "The user root has uid 0.");
  user.uid = uid;
  return user;
}

absl::Status MakeUser(runtime::v1::Channel& channel, const std::string& distro_id, const NewUser& user,
                      const std::function<absl::Status()>& check_cancelled) {
  const std::vector<std::string> argv = {"/bin/sh", "-c",      kScript,
                                         "sh",      user.name, user.uid ? absl::StrCat(*user.uid) : ""};
  ASSIGN_OR_RETURN(const CommandResult result, RunCommand(channel, distro_id, argv, kTimeout, check_cancelled));
  if (result.code == 0) return absl::OkStatus();
  const std::string said = Escaped(std::string(absl::StripAsciiWhitespace(result.output)));
  return Error(absl::StatusCode::kFailedPrecondition, reason::kInvalidArgument,
               absl::StrCat("The user '", user.name, "' could not be made in the distro: ",
                            said.empty() ? absl::StrCat("exit code ", result.code) : said),
               {{"field", "user"}, {"detail", said}});
}

}  // namespace wslm::daemon
