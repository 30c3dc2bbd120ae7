#include "runtime-v1/fastpath/patcher.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "runtime-v1/fastpath/call_sites.h"
#include "runtime-v1/fastpath/code_image.h"
#include "runtime-v1/fastpath/protocol.h"

namespace wslm::fastpath {
namespace {

absl::Status NotPatchable(std::string_view why) {
  return absl::InvalidArgumentError("not a library that can have a fast path: " + std::string(why));
}

}  // namespace

absl::StatusOr<PatchedLibrary> PatchLibrary(std::string_view library) {
  absl::StatusOr<std::vector<Elf64_Phdr>> read = ReadSegments(library);
  if (!read.ok()) return NotPatchable(std::string(read.status().message()));
  std::vector<Elf64_Phdr> segments = *std::move(read);
  Elf64_Ehdr header;
  std::memcpy(&header, library.data(), sizeof(header));
  if (header.e_type != ET_DYN) return NotPatchable("it is a program");
  const auto is_load = [](const Elf64_Phdr& segment) { return segment.p_type == PT_LOAD; };
  // Nobody needs the interpreter of a library that is loaded as one.
  const auto spare = std::find_if(segments.begin(), segments.end(),
                                  [](const Elf64_Phdr& segment) { return segment.p_type == PT_INTERP; });
  if (spare == segments.end()) return NotPatchable("no program header is spare");
  segments.erase(spare);
  const auto last = std::find_if(segments.rbegin(), segments.rend(), is_load);
  if (last == segments.rend() || !(last->p_flags & PF_W)) return NotPatchable("its last segment is no data");
  for (const Elf64_Phdr& segment : segments) {
    if (is_load(segment) && segment.p_vaddr + segment.p_memsz > last->p_vaddr + last->p_memsz) {
      return NotPatchable("its segments are not in order");
    }
  }
  const std::vector<CallSite> sites = FindCallSites(library, segments);
  if (sites.empty()) return NotPatchable("no call of its own was found");

  PatchedLibrary patched;
  // The block follows the library's own zeroed data.
  patched.block_address = RoundUp(last->p_vaddr + last->p_memsz, 64);
  last->p_memsz = patched.block_address + sizeof(WslmFastBlock) - last->p_vaddr;
  const uint64_t base = RoundUp(last->p_vaddr + last->p_memsz, kPage);
  const CodeImage image = MakeCodeImage(library, sites, base, /*loaded=*/0, patched.block_address);
  const uint64_t size = image.bytes.size();
  if (base + size > uint64_t{std::numeric_limits<int32_t>::max()}) return NotPatchable("it is too large");

  patched.shared_offset = RoundUp(library.size(), kPage);
  // At once: some megabytes are not to be copied again and again.
  patched.bytes.reserve(patched.shared_offset + size);
  patched.bytes.append(library);
  patched.bytes.resize(patched.shared_offset);
  patched.bytes.append(image.bytes);
  for (size_t i = 0; i < sites.size(); ++i) patched.bytes.replace(sites[i].offset, kMoveSize, image.jumps[i]);
  patched.sites = sites.size();
  const Elf64_Phdr added = {.p_type = PT_LOAD,
                            .p_flags = PF_R | PF_X,
                            .p_offset = patched.shared_offset,
                            .p_vaddr = base,
                            .p_paddr = base,
                            .p_filesz = size,
                            .p_memsz = size,
                            .p_align = kPage};
  segments.insert(last.base(), added);
  std::memcpy(patched.bytes.data() + header.e_phoff, segments.data(), segments.size() * sizeof(Elf64_Phdr));
  return patched;
}

}  // namespace wslm::fastpath
