#include "runtime-v2/host/bzimage.h"
#include "tests/fuzz/fuzz.h"

using namespace wslm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::ScratchFolder folder;
  const std::string_view bytes = fuzz::TextOf(data, size);
  const absl::StatusOr<std::string_view> payload = BzImagePayload(bytes);
  if (!payload.ok()) return 0;
  FUZZ_CHECK(payload->data() >= bytes.data() && payload->data() + payload->size() <= bytes.data() + bytes.size());
  ExtractVmlinux(bytes, folder.path() + "/vmlinux").IgnoreError();
  folder.Clear();
  return 0;
}
