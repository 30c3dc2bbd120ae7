// POSIX access control lists between libarchive's form and the xattrs system.posix_acl_access and
// system.posix_acl_default (linux/posix_acl_xattr.h).
#ifndef WSLM_DISTROS_TAR_ACL_H_
#define WSLM_DISTROS_TAR_ACL_H_

#include <archive_entry.h>

#include "distros/tree/entry.h"

namespace wslm {

inline constexpr char kAclAccess[] = "system.posix_acl_access";
inline constexpr char kAclDefault[] = "system.posix_acl_default";

// Gives `entry` the xattrs of the lists that `from` has, unless it has them, and the mode that goes with them. False: a
// list names users or groups without their numbers, and was left out.
bool TakeAcls(archive_entry* from, Entry& entry);

// Gives `to` the lists that `entry` has as xattrs. What is no list is left out here; the xattr itself is kept anyway.
void GiveAcls(const Entry& entry, archive_entry* to);

}  // namespace wslm

#endif  // WSLM_DISTROS_TAR_ACL_H_
