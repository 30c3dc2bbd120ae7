// POSIX access control lists that an archive holds in tar's own words (SCHILY.acl.*), as the xattrs that Linux has them
// in (linux/posix_acl_xattr.h).
//
// There is no way back: libarchive keeps the owning group's permissions where Linux's mode has the mask, so that an
// archive with both tar's words and the right mode can't be made with it. The xattrs themselves go into the archive,
// and 'tar --xattrs --xattrs-include=*' restores list and mode.
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

}  // namespace wslm

#endif  // WSLM_DISTROS_TAR_ACL_H_
