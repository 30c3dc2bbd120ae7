#include "runtime-v1/fastpath/program.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "absl/status/status.h"
#include "runtime-v1/fastpath/call_sites.h"
#include "runtime-v1/fastpath/code_image.h"
#include "runtime-v1/fastpath/seed.h"

namespace wslm::fastpath {
namespace {

// So far before the program's first byte lies the image. What is linked to a place of its own has nothing below it but
// what nobody may map; what isn't lies among other mappings, which grow downwards.
constexpr uint64_t kBelowFixed = uint64_t{1} << 20;
constexpr uint64_t kBelowMovable = uint64_t{1} << 30;
// vm.mmap_min_addr and more.
constexpr uint64_t kLowest = uint64_t{1} << 18;
constexpr uint64_t kLargest = uint64_t{512} << 20;

absl::Status NotPatchable(std::string_view why) {
  return absl::InvalidArgumentError("not a program that can have a fast path: " + std::string(why));
}

}  // namespace

absl::StatusOr<ProgramPatch> PatchProgram(std::string_view file) {
  absl::StatusOr<std::vector<Elf64_Phdr>> segments = ReadSegments(file);
  if (!segments.ok()) return NotPatchable(std::string(segments.status().message()));
  Elf64_Ehdr header;
  std::memcpy(&header, file.data(), sizeof(header));
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) return NotPatchable("it is no program");
  const std::vector<CallSite> sites = FindCallSites(file, *segments);
  if (sites.empty()) return NotPatchable("no call of its own was found");

  uint64_t first = std::numeric_limits<uint64_t>::max(), last = 0;
  const Elf64_Phdr* code = nullptr;
  for (const Elf64_Phdr& segment : *segments) {
    if (segment.p_type != PT_LOAD) continue;
    first = std::min(first, segment.p_vaddr / kPage * kPage);
    last = std::max(last, segment.p_vaddr + segment.p_memsz);
    const auto holds = [&](const CallSite& site) {
      return site.address >= segment.p_vaddr && site.address - segment.p_vaddr < segment.p_filesz;
    };
    if (std::all_of(sites.begin(), sites.end(), holds)) code = &segment;
  }
  if (last < first || last - first > kLargest) return NotPatchable("it is too large");
  if (code == nullptr || code->p_filesz != code->p_memsz || code->p_vaddr % kPage != code->p_offset % kPage) {
    return NotPatchable("its code is not in one piece");
  }
  if (header.e_type == ET_EXEC && first < kBelowFixed + kLowest) return NotPatchable("there is no room below it");

  ProgramPatch patch;
  const uint64_t end = RoundUp(code->p_vaddr + code->p_filesz, kPage);
  if (end - (code->p_vaddr + code->p_filesz) < SeedSize()) return NotPatchable("its last page of code is full");
  patch.seed = end - SeedSize();
  patch.at_seed =
      file.substr(std::min(file.size(), code->p_offset + (patch.seed - code->p_vaddr))).substr(0, SeedSize());
  // Beyond the file's end.
  patch.at_seed.resize(SeedSize());
  patch.code_offset = code->p_offset / kPage * kPage;
  patch.code_address = code->p_vaddr / kPage * kPage;
  // Of what can be moved, the addresses below it wrap around here, and don't where it is loaded.
  patch.image_address = first - (header.e_type == ET_EXEC ? kBelowFixed : kBelowMovable);
  CodeImage image = MakeCodeImage(file, sites, patch.image_address, /*loaded=*/patch.image_address, std::nullopt);
  if (image.bytes.size() >= kBelowFixed - kPage) return NotPatchable("it has too many calls");
  patch.image = std::move(image.bytes);
  patch.block = image.block;
  for (size_t i = 0; i < sites.size(); ++i) {
    const CallSite& site = sites[i];
    patch.sites.push_back({.address = site.address,
                           .end = site.address + site.size,
                           .number = site.number,
                           .before = std::string(file.substr(site.offset, site.size)),
                           .after = std::move(image.jumps[i])});
  }
  return patch;
}

}  // namespace wslm::fastpath
