#include "distros/lxfs/xattr_names.h"

#include <linux/limits.h>

#include "distros/lxfs/attributes.h"

namespace wslm {
namespace {

bool HasMeaning(std::string_view name) {
  return name.starts_with("security.") || name.starts_with("trusted.") || name.starts_with("system.posix_acl_");
}

}  // namespace

bool LxfsHoldsXattr(std::string_view guest_name) {
  if (guest_name.starts_with(kLxfsXattr) || guest_name.size() > XATTR_NAME_MAX) return false;
  return (guest_name.starts_with("user.") || HasMeaning(guest_name)) && guest_name.find('\0') == guest_name.npos;
}

std::optional<std::string> LxfsHostXattrName(std::string_view guest_name) {
  if (!LxfsHoldsXattr(guest_name)) return std::nullopt;
  std::string name(guest_name);
  if (HasMeaning(guest_name)) name.insert(0, kLxfsXattrPrefix);
  if (name.size() > XATTR_NAME_MAX) return std::nullopt;
  return name;
}

std::optional<std::string> LxfsGuestXattrName(std::string_view host_name) {
  if (!host_name.starts_with("user.")) return std::nullopt;
  if (!host_name.starts_with(kLxfsXattr)) return std::string(host_name);
  const std::string_view prefix = kLxfsXattrPrefix;
  if (!host_name.starts_with(prefix)) return std::nullopt;
  host_name.remove_prefix(prefix.size());
  if (!HasMeaning(host_name)) return std::nullopt;
  return std::string(host_name);
}

}  // namespace wslm
