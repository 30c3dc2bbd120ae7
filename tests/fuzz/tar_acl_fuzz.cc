// The first byte chooses the list's type and the mode's bits, the rest is its text.
#include "distros/tar/acl.h"
#include "tests/fuzz/fuzz.h"

using namespace wslm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const int type = (data[0] & 1) != 0 ? ARCHIVE_ENTRY_ACL_TYPE_DEFAULT : ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
  archive_entry* from = archive_entry_new();
  archive_entry_set_mode(from, AE_IFREG | (data[0] << 1));
  archive_entry_acl_from_text(from, std::string(fuzz::TextOf(data + 1, size - 1)).c_str(), type);
  Entry entry{.path = "a", .mode = static_cast<uint16_t>(archive_entry_perm(from))};
  TakeAcls(from, entry);
  for (const auto& [name, value] : entry.xattrs) {
    FUZZ_CHECK(name == kAclAccess || name == kAclDefault);
    FUZZ_CHECK(value.size() % 8 == 4 && value[0] == 2);
  }
  FUZZ_CHECK((entry.mode & ~07777) == 0);
  archive_entry_free(from);
  return 0;
}
