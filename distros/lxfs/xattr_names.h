// How a guest's extended attributes are called on the host: user.* by their own names; those with a meaning to the
// kernel (security.*, trusted.*, system.posix_acl_*), which an ordinary user can't set, as "user.lxfs." + name. All
// others, and the guest's own user.lxfs*, have no place.
#ifndef WSLM_DISTROS_LXFS_XATTR_NAMES_H_
#define WSLM_DISTROS_LXFS_XATTR_NAMES_H_

#include <optional>
#include <string>
#include <string_view>

namespace wslm {

// Whether it is one that a guest may have: the file or the side store keeps it.
bool LxfsHoldsXattr(std::string_view guest_name);
// nullopt: the file can't hold it, also when the name gets too long.
std::optional<std::string> LxfsHostXattrName(std::string_view guest_name);
// nullopt: the guest doesn't see it.
std::optional<std::string> LxfsGuestXattrName(std::string_view host_name);

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_XATTR_NAMES_H_
