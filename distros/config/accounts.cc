#include "distros/config/accounts.h"

#include <algorithm>

#include "distros/config/words.h"

namespace wslm {
namespace {

constexpr std::string_view kDefaultShell = "/bin/sh";

// name:password:uid:gid:gecos:home:shell, passwd(5).
std::optional<User> ParsePasswdLine(std::string_view line) {
  const std::vector<std::string_view> fields = Split(line, ':');
  if (fields.size() != 7 || fields[0].empty()) return std::nullopt;
  const std::optional<uint32_t> uid = ParseId(fields[2]);
  const std::optional<uint32_t> gid = ParseId(fields[3]);
  if (!uid || !gid) return std::nullopt;
  return User{.name = std::string(fields[0]),
              .uid = *uid,
              .gid = *gid,
              .home = std::string(fields[5].empty() ? "/" : fields[5]),
              .shell = std::string(fields[6].empty() ? kDefaultShell : fields[6])};
}

struct Group {
  std::string_view name;
  gid_t gid;
  std::string_view members;
};

// name:password:gid:member,member…, group(5).
std::optional<Group> ParseGroupLine(std::string_view line) {
  const std::vector<std::string_view> fields = Split(line, ':');
  if (fields.size() != 4 || fields[0].empty()) return std::nullopt;
  const std::optional<uint32_t> gid = ParseId(fields[2]);
  if (!gid) return std::nullopt;
  return Group{fields[0], *gid, fields[3]};
}

}  // namespace

std::optional<User> Accounts::Find(std::string_view name_or_number) const {
  const std::optional<uint32_t> number = ParseId(name_or_number);
  std::optional<User> by_number;
  for (const std::string_view line : Split(passwd_, '\n')) {
    std::optional<User> user = ParsePasswdLine(line);
    if (!user) continue;
    if (user->name == name_or_number) return user;
    if (number && user->uid == *number && !by_number) by_number = std::move(user);
  }
  if (by_number || !number) return by_number;
  return User{.name = std::string(name_or_number),
              .uid = *number,
              .gid = *number,
              .home = "/",
              .shell = std::string(kDefaultShell)};
}

std::vector<gid_t> Accounts::GroupsOf(const User& user) const {
  std::vector<gid_t> groups = {user.gid};
  for (const std::string_view line : Split(group_, '\n')) {
    const std::optional<Group> group = ParseGroupLine(line);
    if (!group || std::find(groups.begin(), groups.end(), group->gid) != groups.end()) continue;
    const std::vector<std::string_view> members = Split(group->members, ',');
    const bool member =
        std::any_of(members.begin(), members.end(), [&](std::string_view name) { return Trimmed(name) == user.name; });
    if (member) groups.push_back(group->gid);
  }
  return groups;
}

std::optional<gid_t> Accounts::GroupNamed(std::string_view name) const {
  for (const std::string_view line : Split(group_, '\n')) {
    const std::optional<Group> group = ParseGroupLine(line);
    if (group && group->name == name) return group->gid;
  }
  return std::nullopt;
}

}  // namespace wslm
