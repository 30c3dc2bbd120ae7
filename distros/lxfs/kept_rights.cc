#include "distros/lxfs/kept_rights.h"

namespace wslm {

bool LxfsXattrNeedsRecord(std::string_view guest_name) {
  return guest_name.starts_with("security.") || guest_name == kAccessListXattr || guest_name == kDefaultListXattr;
}

LxfsHostForm LxfsRecordFormOf(const GuestAttributes& attributes) {
  // Nobody's, with a bit that no host file may have: never one of the compact forms.
  GuestAttributes odd = attributes;
  odd.uid = odd.gid = UINT32_MAX;
  odd.mode |= S_ISUID;
  return LxfsHostFormOf(odd, SecondOwner{0, 0});
}

}  // namespace wslm
