// Bytes as a distro's record; what was read must be what is written and read again.
#include <fstream>

#include "distros/registry/record.h"
#include "tests/fuzz/fuzz.h"

using namespace wslm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::ScratchFolder folder;
  const std::string path = folder.path() + "/" + kRecordFile;
  std::ofstream(path, std::ios::binary | std::ios::trunc) << fuzz::TextOf(data, size);
  const absl::StatusOr<DistroRecord> record = ReadRecord(folder.path());
  if (!record.ok()) return 0;
  FUZZ_CHECK(CheckDistroName(record->name).ok() && IsUuid(record->id));
  FUZZ_CHECK(record->version == 1 || record->version == 2);
  if (!WriteRecord(folder.path(), *record).ok()) return 0;
  const absl::StatusOr<DistroRecord> again = ReadRecord(folder.path());
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(again->name == record->name && again->revision == record->revision && again->location == record->location);
  FUZZ_CHECK(again->second_owner.uid == record->second_owner.uid);
  return 0;
}
