// Bytes as an archive, through the whole import but for the disk.
#include "distros/host/test_bytes.h"
#include "distros/tar/tar_source.h"
#include "distros/tree/transfer.h"
#include "tests/fuzz/checking_sink.h"

using namespace wslm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Limits limits = {.entries = 2000, .file_bytes = 8 << 20, .total_bytes = 8 << 20};
  absl::StatusOr<std::unique_ptr<Source>> source =
      OpenTarSource(std::make_unique<StringSource>(std::string(fuzz::TextOf(data, size)), 4096), "fuzz");
  if (!source.ok()) return 0;
  fuzz::CheckingSink sink;
  Transfer(**source, sink, {.limits = limits}).IgnoreError();
  FUZZ_CHECK((*source)->position() >= 0 && (*source)->position() <= (*source)->total());
  FUZZ_CHECK((*source)->warnings().size() <= 100);
  return 0;
}
