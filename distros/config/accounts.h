// The distro's users, read from its own /etc/passwd and /etc/group as plain files: a static program has no name service
// switch. Users that only a directory service knows are not found; name them by number.
#ifndef WSLM_DISTROS_CONFIG_ACCOUNTS_H_
#define WSLM_DISTROS_CONFIG_ACCOUNTS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wslm {

struct User {
  bool operator==(const User&) const = default;

  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;
  std::string shell;
};

// The texts of both files. Lines that are malformed are skipped.
class Accounts {
 public:
  Accounts(std::string passwd, std::string group) : passwd_(std::move(passwd)), group_(std::move(group)) {}

  // By name, else by number; a number that no line has gets a user without a home ("/") whose group has its number.
  std::optional<User> Find(std::string_view name_or_number) const;
  // The user's own group and those that name them as a member, each once.
  std::vector<gid_t> GroupsOf(const User& user) const;
  std::optional<gid_t> GroupNamed(std::string_view name) const;

 private:
  std::string passwd_;
  std::string group_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_CONFIG_ACCOUNTS_H_
