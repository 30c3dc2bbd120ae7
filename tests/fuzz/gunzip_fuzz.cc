// Bytes as gzip, given in pieces of the size that the first byte says.
#include <vector>

#include "distros/host/test_bytes.h"
#include "distros/tar/gunzip.h"
#include "tests/fuzz/fuzz.h"

using namespace wslm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t piece = size_t{data[0]} + 1;
  const std::unique_ptr<ByteSource> bytes =
      Gunzip(std::make_unique<StringSource>(std::string(fuzz::TextOf(data + 1, size - 1)), piece), "fuzz");
  std::vector<char> buffer(40000);
  for (size_t total = 0; total < size_t{8} << 20;) {
    const absl::StatusOr<size_t> count = bytes->Read(buffer.data(), buffer.size());
    if (!count.ok() || *count == 0) break;
    FUZZ_CHECK(*count <= buffer.size());
    total += *count;
  }
  return 0;
}
