#include "distros/host/error.h"
#include "distros/tar/detect.h"
#include "tests/fuzz/fuzz.h"

using namespace wslm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view head = fuzz::TextOf(data, size < kDetectBytes ? size : kDetectBytes);
  if (DetectContent(head) != ContentKind::kOther) return 0;
  for (const bool compressed : {false, true}) {
    const absl::Status status = UnsupportedContent(head, head.substr(0, 20), compressed);
    FUZZ_CHECK(ReasonOf(status) == reason::kUnsupportedFormat);
    const std::string message(status.message());
    FUZZ_CHECK(Escaped(message) == message);
  }
  return 0;
}
