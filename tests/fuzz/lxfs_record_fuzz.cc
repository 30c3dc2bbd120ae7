// A host file's mode, then the bytes of its record.
#include <cstring>

#include "distros/lxfs/attributes.h"
#include "tests/fuzz/fuzz.h"

using namespace wslm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uint16_t mode = 0;
  if (size < sizeof mode) return 0;
  std::memcpy(&mode, data, sizeof mode);
  const std::string_view bytes = fuzz::TextOf(data + sizeof mode, size - sizeof mode);
  const std::optional<GuestAttributes> record = DecodeLxfsRecord(bytes);
  if (record) FUZZ_CHECK(EncodeLxfsRecord(*record) == bytes);
  struct stat host = {};
  host.st_mode = mode;
  const SecondOwner second_owner;
  const GuestAttributes seen = LxfsGuestView(host, record, second_owner);
  // A record changes no type, but for the socket that stands for a device.
  const uint32_t type = seen.mode & S_IFMT;
  FUZZ_CHECK(type == (mode & S_IFMT) || ((mode & S_IFMT) == S_IFSOCK && (type == S_IFCHR || type == S_IFBLK)));
  const LxfsHostForm form = LxfsHostFormOf(seen, second_owner);
  FUZZ_CHECK((form.host_mode & (S_ISUID | S_ISGID)) == 0);
  FUZZ_CHECK(type == S_IFLNK || (type != S_IFREG && type != S_IFDIR) || (form.host_mode & S_IRUSR) != 0);
  if (form.needs_record) return 0;
  // What needs no record reads back without one.
  host.st_mode = type | form.host_mode;
  FUZZ_CHECK(LxfsGuestView(host, std::nullopt, second_owner).mode == seen.mode || type == S_IFLNK);
  return 0;
}
