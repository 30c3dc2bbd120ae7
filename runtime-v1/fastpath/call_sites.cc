#include "runtime-v1/fastpath/call_sites.h"

#include <Zydis/Decoder.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>

namespace wslm::fastpath {
namespace {

// What handlers.c serves.
constexpr uint32_t kServed[] = {
    SYS_stat,     SYS_lstat,     SYS_fstat,      SYS_newfstatat, SYS_statx,      SYS_open,   SYS_openat,
    SYS_access,   SYS_faccessat, SYS_faccessat2, SYS_readlink,   SYS_readlinkat, SYS_getuid, SYS_geteuid,
    SYS_getgid,   SYS_getegid,   SYS_getxattr,   SYS_lgetxattr,  SYS_chown,      SYS_lchown, SYS_fchown,
    SYS_fchownat, SYS_chmod,     SYS_fchmod,     SYS_fchmodat,   SYS_utimensat,  SYS_unlink, SYS_unlinkat};
// So near before a call stands what turns cancellation on.
constexpr int kNearInstructions = 8;
// Moves of arguments between that of the number and that at the site.
constexpr int kMostMovesBetween = 2;
// And what they take at most.
constexpr size_t kMostBytesBetween = 12;

bool IsServed(uint32_t number) {
  return std::find(std::begin(kServed), std::end(kServed), number) != std::end(kServed);
}

bool IsCancellable(uint32_t number) { return number == SYS_open || number == SYS_openat; }

template <typename Integer>
Integer Load(std::string_view bytes, size_t offset) {
  Integer value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

// Where functions start, in order, by the unwind tables' index (.eh_frame_hdr of the Linux Standard Base).
std::vector<uint64_t> FunctionStarts(std::string_view library, std::span<const Elf64_Phdr> segments) {
  std::vector<uint64_t> starts;
  for (const Elf64_Phdr& segment : segments) {
    constexpr std::string_view kUsualForm("\x01\x1b\x03\x3b", 4);
    constexpr size_t kHeader = 12, kEntry = 8;
    if (segment.p_type != PT_GNU_EH_FRAME || segment.p_filesz < kHeader) continue;
    const std::string_view table = library.substr(segment.p_offset, segment.p_filesz);
    if (!table.starts_with(kUsualForm)) continue;
    const uint64_t count = std::min<uint64_t>(Load<uint32_t>(table, 8), (table.size() - kHeader) / kEntry);
    for (uint64_t i = 0; i < count; ++i) {
      starts.push_back(segment.p_vaddr + static_cast<int64_t>(Load<int32_t>(table, kHeader + i * kEntry)));
    }
  }
  std::sort(starts.begin(), starts.end());
  return starts;
}

bool IsMoveOfValue(char opcode) { return (static_cast<uint8_t>(opcode) & 0xf8) == 0xb8; }
bool IsMoveToEax(char opcode) { return opcode == '\xb8'; }

// All that looks like one: anything may be data or the middle of another instruction.
std::vector<CallSite> Candidates(std::string_view library, const Elf64_Phdr& segment) {
  std::vector<CallSite> found;
  const std::string_view code = library.substr(segment.p_offset, segment.p_filesz);
  constexpr std::string_view kSyscall("\x0f\x05", 2);
  for (size_t at = code.find(kSyscall); at != std::string_view::npos; at = code.find(kSyscall, at + 1)) {
    if (at < kCallSiteMove + kMostBytesBetween || !IsMoveOfValue(code[at - kCallSiteMove])) continue;
    const size_t site = at - kCallSiteMove;
    for (size_t back = 0; back <= kMostBytesBetween; ++back) {
      if (back > 0 && IsMoveToEax(code[site])) break;
      if (!IsMoveToEax(code[site - back])) continue;
      const auto number = Load<uint32_t>(code, site - back + 1);
      if (!IsServed(number)) continue;
      found.push_back({segment.p_offset + site, segment.p_vaddr + site, number, segment.p_vaddr + site - back});
      break;
    }
  }
  return found;
}

// Whether `target` is within a site, which then can't be taken: not at its first byte.
bool LeadsInto(const CallSite& site, uint64_t target) {
  return target > site.number_address && target < site.address + kCallSiteSize;
}

// Removes those that a branch with a wide reach may lead into, from wherever it is in `code`, and whether or not its
// bytes are an instruction at all.
void RemoveBranchTargets(std::string_view code, uint64_t address, std::vector<CallSite>& sites) {
  if (sites.empty()) return;
  const uint64_t first_site = sites.front().number_address, last_site = sites.back().address + kCallSiteSize;
  // The opcodes one after the other: each is found at the speed of memory.
  for (const char opcode : {'\xe8', '\xe9', '\x0f'}) {
    const size_t size = opcode == '\x0f' ? 6 : 5;
    for (size_t i = code.find(opcode); i < code.size() && code.size() - i >= 6; i = code.find(opcode, i + 1)) {
      if (opcode == '\x0f' && (static_cast<uint8_t>(code[i + 1]) & 0xf0) != 0x80) continue;
      const uint64_t target =
          address + i + size + static_cast<int64_t>(Load<int32_t>(code, i + size - sizeof(int32_t)));
      if (target < first_site || target > last_site) continue;
      std::erase_if(sites, [target](const CallSite& site) { return LeadsInto(site, target); });
    }
  }
}

bool IsShortBranch(std::string_view instruction) {
  const auto opcode = static_cast<uint8_t>(instruction[0]);
  return instruction.size() == 2 &&
         (opcode == 0xeb || (opcode >= 0x70 && opcode <= 0x7f) || (opcode >= 0xe0 && opcode <= 0xe3));
}

class Disassembler {
 public:
  Disassembler() { ::ZydisDecoderInit(&decoder_, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64); }

  // Whether the function `code` has just the site's instructions at the site, and no short branch into it.
  bool HasSite(std::string_view code, uint64_t start, const CallSite& site) const {
    int since_call = kNearInstructions;
    int moves = -1;  // since the number's, which is 0
    bool found = false;
    ZydisDecodedInstruction instruction;
    for (size_t at = 0; at < code.size(); at += instruction.length) {
      if (!ZYAN_SUCCESS(
              ::ZydisDecoderDecodeInstruction(&decoder_, nullptr, code.data() + at, code.size() - at, &instruction))) {
        return false;
      }
      const uint64_t address = start + at;
      if (IsShortBranch(code.substr(at, instruction.length)) &&
          LeadsInto(site, address + 2 + static_cast<int64_t>(static_cast<int8_t>(code[at + 1])))) {
        return false;
      }
      if (!found) {
        if (address == site.number_address) {
          if (since_call < kNearInstructions && IsCancellable(site.number)) return false;
          moves = 0;
        } else if (moves >= 0) {
          ++moves;
        }
        if (moves >= 0 && (instruction.mnemonic != ZYDIS_MNEMONIC_MOV || moves > kMostMovesBetween)) return false;
        found = address == site.address && moves >= 0 && instruction.length == kCallSiteMove;
        if (address >= site.address && !found) return false;
      }
      since_call = instruction.mnemonic == ZYDIS_MNEMONIC_CALL ? 0 : since_call + 1;
    }
    return found;
  }

 private:
  ZydisDecoder decoder_;
};

}  // namespace

std::vector<CallSite> FindCallSites(std::string_view library, std::span<const Elf64_Phdr> segments) {
  const std::vector<uint64_t> starts = FunctionStarts(library, segments);
  const Disassembler disassembler;
  std::vector<CallSite> all;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_X)) continue;
    const std::string_view code = library.substr(segment.p_offset, segment.p_filesz);
    std::vector<CallSite> sites = Candidates(library, segment);
    RemoveBranchTargets(code, segment.p_vaddr, sites);
    for (const CallSite& site : sites) {
      const auto end = std::upper_bound(starts.begin(), starts.end(), site.address);
      if (end == starts.begin() || *(end - 1) < segment.p_vaddr) continue;
      const uint64_t start = *(end - 1);
      const uint64_t size = end == starts.end() ? site.address + kCallSiteSize - start : *end - start;
      if (disassembler.HasSite(code.substr(start - segment.p_vaddr, size), start, site)) all.push_back(site);
    }
  }
  return all;
}

}  // namespace wslm::fastpath
