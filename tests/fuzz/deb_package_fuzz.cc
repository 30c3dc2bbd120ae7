// Bytes as a Debian package; nothing may be written but below the folder's "modules".
#include "runtime-v2/host/deb_package.h"
#include "tests/fuzz/fuzz.h"

using namespace wslm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::ScratchFolder folder;
  const std::string_view bytes = fuzz::TextOf(data, size);
  KernelPackageIn(bytes);
  const std::string inside = folder.path() + "/inside";
  std::filesystem::create_directory(inside);
  const fuzz::MemoryFile package(bytes);
  const absl::StatusOr<UnpackedKernel> kernel = UnpackKernelPackage(package.path(), inside);
  if (kernel.ok()) FUZZ_CHECK(!kernel->release.empty() && !kernel->bzimage.empty());
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) FUZZ_CHECK(entry.path() == inside);
  for (const auto& entry : std::filesystem::directory_iterator(inside)) {
    FUZZ_CHECK(entry.path().filename() == "modules" && !entry.is_symlink());
  }
  folder.Clear();
  return 0;
}
