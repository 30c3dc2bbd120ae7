#include "distros/ext4/posix_acl.h"
#include "tests/fuzz/fuzz.h"

using namespace wslm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes = fuzz::TextOf(data, size);
  if (const auto xattr = ext4::AclOfDisk(bytes)) FUZZ_CHECK(ext4::AclOnDisk(*xattr) == bytes);
  if (const auto disk = ext4::AclOnDisk(bytes)) FUZZ_CHECK(ext4::AclOfDisk(*disk)->size() == bytes.size());
  return 0;
}
