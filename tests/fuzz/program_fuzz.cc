// A library or program of a guest's, in which the fast path looks for calls.
#include "runtime-v1/fastpath/call_sites.h"
#include "runtime-v1/fastpath/code_image.h"
#include "runtime-v1/fastpath/patcher.h"
#include "runtime-v1/fastpath/program.h"
#include "runtime-v1/fastpath/seed.h"
#include "tests/fuzz/fuzz.h"

using namespace wslm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file = fuzz::TextOf(data, size);
  if (const auto patch = fastpath::PatchProgram(file); patch.ok()) {
    FUZZ_CHECK(!patch->sites.empty());
    uint64_t last = 0;
    for (const auto& site : patch->sites) {
      FUZZ_CHECK(site.address >= last && site.end >= site.address + fastpath::kMoveSize + fastpath::kSyscallSize);
      FUZZ_CHECK(fastpath::IsServed(static_cast<int>(site.number)));
      FUZZ_CHECK(site.before.size() == site.end - site.address && site.before[0] == '\xb8');
      FUZZ_CHECK(site.after.size() == fastpath::kMoveSize && site.after[0] == '\xe9');
      FUZZ_CHECK(site.end <= patch->seed);
      last = site.address;
    }
    FUZZ_CHECK((patch->seed + fastpath::SeedSize()) % fastpath::kPage == 0);
    FUZZ_CHECK(patch->at_seed.size() == fastpath::SeedSize());
    FUZZ_CHECK(patch->image_address % fastpath::kPage == 0);
    FUZZ_CHECK(patch->block == patch->image_address + fastpath::RoundUp(patch->image.size(), fastpath::kPage));
  }
  if (const auto patched = fastpath::PatchLibrary(file); patched.ok()) {
    FUZZ_CHECK(patched->sites > 0);
    FUZZ_CHECK(patched->shared_offset >= size && patched->shared_offset % fastpath::kPage == 0);
    FUZZ_CHECK(patched->bytes.size() > patched->shared_offset);
  }
  return 0;
}
