// Attributes of a file that change who may do what to it: access lists, capabilities and all else of security.*. A file
// that has one always has a record as well, even where its owner and mode need none, so that who finds no record
// needn't look for them.
#ifndef WSLM_DISTROS_LXFS_KEPT_RIGHTS_H_
#define WSLM_DISTROS_LXFS_KEPT_RIGHTS_H_

#include <string_view>

#include "distros/lxfs/attributes.h"

namespace wslm {

inline constexpr char kAccessListXattr[] = "system.posix_acl_access";
inline constexpr char kDefaultListXattr[] = "system.posix_acl_default";
inline constexpr char kCapabilityXattr[] = "security.capability";

// By the guest's name.
bool LxfsXattrNeedsRecord(std::string_view guest_name);

// The form with a record, for a file that has such an attribute.
LxfsHostForm LxfsRecordFormOf(const GuestAttributes& attributes);

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_KEPT_RIGHTS_H_
