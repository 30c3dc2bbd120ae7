// Bytes as an image. Journals are replayed by e2fsck in a process of its own, so here they count as clean; the seeds
// have no checksums, which would keep changes from getting anywhere.
#include <cstring>

#include "distros/ext4/ext4.h"
#include "distros/tree/transfer.h"
#include "tests/fuzz/checking_sink.h"

using namespace wslm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kIncompatibleFeatures = 1024 + 0x60;
  constexpr char kNeedsRecovery = 0x4;
  std::string image(fuzz::TextOf(data, size));
  if (image.size() <= kIncompatibleFeatures) return 0;
  image[kIncompatibleFeatures] = static_cast<char>(image[kIncompatibleFeatures] & ~kNeedsRecovery);
  const fuzz::MemoryFile file(image);
  absl::StatusOr<std::unique_ptr<Source>> source = OpenExt4Source(file.path());
  if (!source.ok()) return 0;
  const Limits limits = {.entries = 5000, .file_bytes = 8 << 20, .total_bytes = 8 << 20};
  fuzz::CheckingSink sink;
  Transfer(**source, sink, {.limits = limits}).IgnoreError();
  FUZZ_CHECK((*source)->position() <= (*source)->total());
  return 0;
}
