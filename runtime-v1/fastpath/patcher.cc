#include "runtime-v1/fastpath/patcher.h"

#include <elf.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "runtime-v1/fastpath/call_sites.h"
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

constexpr uint64_t kPage = 4096;

uint64_t RoundUp(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

absl::Status NotPatchable(std::string_view why) {
  return absl::InvalidArgumentError("not a library that can have a fast path: " + std::string(why));
}

// The distance a 32-bit displacement at `field` (whose end is the next instruction) has to hold.
void PutDistance(std::string& bytes, size_t offset, uint64_t field_address, uint64_t to) {
  const auto distance = static_cast<int32_t>(static_cast<int64_t>(to - (field_address + sizeof(int32_t))));
  std::memcpy(bytes.data() + offset, &distance, sizeof(distance));
}

constexpr size_t kStubSize = 33;

// lea -128(%rsp),%rsp (past what a leaf function keeps below its stack); the move that was at the site;
// mov $number,%eax; call entry; lea 128(%rsp),%rsp; jmp back.
std::string MakeStub(std::string_view move, uint32_t number, uint64_t address, uint64_t entry, uint64_t back) {
  std::string stub("\x48\x8d\x64\x24\x80.....\xb8....\xe8....\x48\x8d\xa4\x24\x80\0\0\0\xe9....", kStubSize);
  stub.replace(5, move.size(), move);
  std::memcpy(stub.data() + 11, &number, sizeof(number));
  PutDistance(stub, 16, address + 16, entry);
  PutDistance(stub, 29, address + 29, back);
  return stub;
}

}  // namespace

absl::StatusOr<PatchedLibrary> PatchLibrary(std::string_view library) {
  Elf64_Ehdr header;
  if (library.size() < sizeof(header)) return NotPatchable("it is too short");
  std::memcpy(&header, library.data(), sizeof(header));
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_machine != EM_X86_64 || header.e_type != ET_DYN || header.e_phentsize != sizeof(Elf64_Phdr) ||
      header.e_phoff > library.size() || header.e_phnum * sizeof(Elf64_Phdr) > library.size() - header.e_phoff) {
    return NotPatchable("it is no 64-bit x86 one");
  }
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  std::memcpy(segments.data(), library.data() + header.e_phoff, segments.size() * sizeof(Elf64_Phdr));
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_offset > library.size() || segment.p_filesz > library.size() - segment.p_offset) {
      return NotPatchable("a segment lies outside");
    }
  }
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

  // The new segment: the shared pages, the handlers, the stubs.
  const size_t shared_size = RoundUp(sizeof(WslmFastShared), kPage);
  const std::string_view handlers(__start_wslm_fastpath, __stop_wslm_fastpath - __start_wslm_fastpath);
  const uint64_t base = RoundUp(last->p_vaddr + last->p_memsz, kPage);
  patched.shared_offset = RoundUp(library.size(), kPage);
  // At once: some megabytes are not to be copied again and again.
  patched.bytes.reserve(patched.shared_offset + shared_size + handlers.size() + sites.size() * kStubSize);
  patched.bytes.append(library);
  patched.bytes.resize(patched.shared_offset + shared_size);
  patched.bytes.append(handlers);
  const uint64_t entry = base + shared_size + (wslm_fastpath_entry - __start_wslm_fastpath);
  const size_t header_at = shared_size + (wslm_fastpath_header - __start_wslm_fastpath);
  const uint64_t fields = base + header_at;
  const WslmFastHeader reached = {
      .block = static_cast<int64_t>(patched.block_address - (fields + offsetof(WslmFastHeader, block))),
      .shared = static_cast<int64_t>(base - (fields + offsetof(WslmFastHeader, shared)))};
  std::memcpy(patched.bytes.data() + patched.shared_offset + header_at, &reached, sizeof(reached));
  WslmFastShared shared = {};
  shared.magic = WSLM_FAST_SHARED_MAGIC;
  shared.block_address = patched.block_address;
  shared.generation = 1;
  std::memcpy(patched.bytes.data() + patched.shared_offset, &shared, sizeof(shared));
  for (const CallSite& site : sites) {
    const uint64_t stub = base + (patched.bytes.size() - patched.shared_offset);
    patched.bytes.append(
        MakeStub(library.substr(site.offset, kCallSiteMove), site.number, stub, entry, site.address + kCallSiteSize));
    char* code = patched.bytes.data() + site.offset;
    // jmp stub, and two bytes that nothing reaches.
    std::memcpy(code, "\xe9....\x66\x90", kCallSiteSize);
    PutDistance(patched.bytes, site.offset + 1, site.address + 1, stub);
  }
  patched.sites = sites.size();
  const uint64_t size = patched.bytes.size() - patched.shared_offset;
  if (base + size > uint64_t{std::numeric_limits<int32_t>::max()}) return NotPatchable("it is too large");
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
