// Bytes as a disk image. The first byte chooses: 0 as it is, 1 in pieces of 4 KiB at the offsets where a VHDX has its
// headers, tables and metadata, so that small seeds reach them.
#include "distros/disk/adoption.h"
#include "distros/disk/disk_format.h"
#include "tests/fuzz/fuzz.h"

using namespace wslm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  constexpr size_t kPiece = 4096;
  constexpr size_t kOffsets[] = {0,      64 << 10, 128 << 10, 192 << 10, 256 << 10, 1 << 20, (1 << 20) + (64 << 10),
                                 2 << 20};
  std::string_view bytes = fuzz::TextOf(data + 1, size - 1);
  std::string image;
  if (data[0] == 1) {
    for (const size_t offset : kOffsets) {
      if (bytes.empty()) break;
      image.resize(offset);
      image += bytes.substr(0, kPiece);
      bytes.remove_prefix(std::min(kPiece, bytes.size()));
    }
    image.resize(std::max<size_t>(image.size(), 4 << 20));
  } else {
    image = bytes;
  }
  const fuzz::MemoryFile file(image);
  const absl::StatusOr<DiskFacts> facts = InspectDisk(file.fd(), "image");
  if (facts.ok()) FUZZ_CHECK(facts->virtual_size >= 0);
  const absl::StatusOr<AdoptFacts> adopted = InspectForAdoption(file.path());
  if (adopted.ok()) {
    FUZZ_CHECK(facts.ok());
    FUZZ_CHECK(adopted->qemu_driver == "raw" || adopted->qemu_driver == "vpc" || adopted->qemu_driver == "vhdx");
  }
  return 0;
}
