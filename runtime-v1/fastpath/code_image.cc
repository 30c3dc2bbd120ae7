#include "runtime-v1/fastpath/code_image.h"

#include <cstddef>
#include <cstring>

#include "runtime-v1/fastpath/protocol.h"

// Of handlers.c: the section's bounds, by the linker, and its parts.
extern "C" {
extern const char __start_wslm_fastpath[] __attribute__((visibility("hidden")));
extern const char __stop_wslm_fastpath[] __attribute__((visibility("hidden")));
extern const char wslm_fastpath_header[] __attribute__((visibility("hidden")));
extern const char wslm_fastpath_entry[] __attribute__((visibility("hidden")));
}

namespace wslm::fastpath {
namespace {

// The distance that a displacement at the end of `code`, which begins at `address`, has to hold.
void AppendDistance(std::string& code, uint64_t address, uint64_t to) {
  const auto distance = static_cast<int32_t>(static_cast<int64_t>(to - (address + code.size() + sizeof(int32_t))));
  code.append(reinterpret_cast<const char*>(&distance), sizeof(distance));
}

// The moves, which put the number into eax; lea -128(%rsp),%rsp (past what a leaf function keeps below its stack);
// call entry; lea 128(%rsp),%rsp; jmp back.
std::string MakeStub(std::string_view moves, uint64_t address, uint64_t entry, uint64_t back) {
  std::string stub(moves);
  stub.append("\x48\x8d\x64\x24\x80\xe8", 6);
  AppendDistance(stub, address, entry);
  stub.append("\x48\x8d\xa4\x24\x80\0\0\0\xe9", 9);
  AppendDistance(stub, address, back);
  return stub;
}

}  // namespace

std::string Jump(uint64_t address, uint64_t to) {
  std::string code("\xe9");
  AppendDistance(code, address, to);
  return code;
}

CodeImage MakeCodeImage(std::string_view file, std::span<const CallSite> sites, uint64_t base, uint64_t loaded,
                        std::optional<uint64_t> block) {
  CodeImage image;
  const size_t shared_size = RoundUp(sizeof(WslmFastShared), kPage);
  const std::string_view handlers(__start_wslm_fastpath, __stop_wslm_fastpath - __start_wslm_fastpath);
  image.bytes.resize(shared_size);
  image.bytes.append(handlers);
  const uint64_t entry = base + shared_size + (wslm_fastpath_entry - __start_wslm_fastpath);
  for (const CallSite& site : sites) {
    const uint64_t stub = base + image.bytes.size();
    image.bytes.append(
        MakeStub(file.substr(site.offset, site.size - kSyscallSize), stub, entry, site.address + site.size));
    image.jumps.push_back(Jump(site.address, stub));
  }
  image.block = block.value_or(base + RoundUp(image.bytes.size(), kPage));

  const size_t header_at = shared_size + (wslm_fastpath_header - __start_wslm_fastpath);
  const uint64_t fields = base + header_at;
  const WslmFastHeader reached = {
      .block = static_cast<int64_t>(image.block - (fields + offsetof(WslmFastHeader, block))),
      .shared = static_cast<int64_t>(base - (fields + offsetof(WslmFastHeader, shared)))};
  std::memcpy(image.bytes.data() + header_at, &reached, sizeof(reached));
  WslmFastShared shared = {};
  shared.magic = WSLM_FAST_SHARED_MAGIC;
  shared.block_address = image.block - loaded;
  shared.generation = 1;
  std::memcpy(image.bytes.data(), &shared, sizeof(shared));
  return image;
}

}  // namespace wslm::fastpath
