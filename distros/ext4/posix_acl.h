// POSIX ACLs: what getxattr gives of them, and what ext4 keeps.
#ifndef WSLM_DISTROS_EXT4_POSIX_ACL_H_
#define WSLM_DISTROS_EXT4_POSIX_ACL_H_

#include <optional>
#include <string>
#include <string_view>

namespace wslm::ext4 {

// The value of Linux's system.posix_acl_access or _default (version 2: entries of 8 bytes) in ext4's form (version 1:
// ids only where an entry has one). nullopt when it is malformed.
std::optional<std::string> AclOnDisk(std::string_view xattr);

// The opposite.
std::optional<std::string> AclOfDisk(std::string_view disk);

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_POSIX_ACL_H_
