#include "runtime-v1/fastpath/call_sites.h"

#include <Zydis/Decoder.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <string>

#include "absl/status/status.h"

namespace wslm::fastpath {
namespace {

constexpr int kServed[] = {SYS_stat,     SYS_lstat,     SYS_fstat,     SYS_newfstatat, SYS_statx,    SYS_open,
                           SYS_openat,   SYS_access,    SYS_faccessat, SYS_faccessat2, SYS_readlink, SYS_readlinkat,
                           SYS_getuid,   SYS_geteuid,   SYS_getgid,    SYS_getegid,    SYS_getxattr, SYS_lgetxattr,
                           SYS_chown,    SYS_lchown,    SYS_fchown,    SYS_fchownat,   SYS_chmod,    SYS_fchmod,
                           SYS_fchmodat, SYS_utimensat, SYS_unlink,    SYS_unlinkat};
// So near before a call stands what turns cancellation on.
constexpr int kNearInstructions = 8;
// Moves between that of the number and the `syscall` take so many bytes at most.
constexpr size_t kMostBytesBetween = 24;
// A disassembler that begins anywhere falls into step with the code after some instructions: so far before a site it
// begins, and at so many places one after the other. An instruction has 15 bytes at most.
constexpr size_t kBytesBefore = 256;
constexpr size_t kBeginnings = 16;
// A short branch leads so far at most, itself included.
constexpr size_t kShortReach = 130;

// A file of a guest's choice must not keep lxcore at it: what has more than this is none of those that are meant.
constexpr size_t kMostSegments = 64;
constexpr size_t kMostSites = 256;

bool IsCancellable(uint32_t number) { return number == SYS_open || number == SYS_openat; }

template <typename Integer>
Integer Load(std::string_view bytes, size_t offset) {
  Integer value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

// Whether `target` is within the move of a site, which then can't be taken: not at its first byte.
bool LeadsInto(uint64_t site, uint64_t target) { return target > site && target < site + kMoveSize; }

// Removes those that a branch with a wide reach may lead into, from wherever it is in `code`, and whether or not its
// bytes are an instruction at all.
void RemoveBranchTargets(std::string_view code, uint64_t address, std::vector<CallSite>& sites) {
  if (sites.empty()) return;
  // The opcodes one after the other: each is found at the speed of memory.
  for (const char opcode : {'\xe8', '\xe9', '\x0f'}) {
    const size_t size = opcode == '\x0f' ? 6 : 5;
    for (size_t i = code.find(opcode); i < code.size() && code.size() - i >= 6; i = code.find(opcode, i + 1)) {
      if (opcode == '\x0f' && (static_cast<uint8_t>(code[i + 1]) & 0xf0) != 0x80) continue;
      const uint64_t target =
          address + i + size + static_cast<int64_t>(Load<int32_t>(code, i + size - sizeof(int32_t)));
      const auto after = std::upper_bound(sites.begin(), sites.end(), target,
                                          [](uint64_t value, const CallSite& site) { return value < site.address; });
      if (after != sites.begin() && LeadsInto(std::prev(after)->address, target)) sites.erase(std::prev(after));
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

  // The size of the site that `code` begins with, if the move there is followed by nothing but moves, which can be done
  // elsewhere, and a `syscall`; else 0.
  size_t SiteSize(std::string_view code) const {
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    for (size_t at = kMoveSize; at <= kMoveSize + kMostBytesBetween && at < code.size(); at += instruction.length) {
      if (!ZYAN_SUCCESS(
              ::ZydisDecoderDecodeFull(&decoder_, code.data() + at, code.size() - at, &instruction, operands))) {
        return 0;
      }
      if (instruction.mnemonic == ZYDIS_MNEMONIC_SYSCALL) return at + instruction.length;
      if (!IsMoveOfArgument(instruction, operands)) return 0;
    }
    return 0;
  }

  // Whether one comes to the move at `site` of `code` from all beginnings before it, and meets no short branch into it
  // there or behind. `behind`: the site's end.
  bool IsReached(std::string_view code, size_t site, size_t behind, bool cancellable) const {
    const size_t first = site > kBytesBefore ? site - kBytesBefore : 0;
    // Where a section begins, an instruction does.
    const size_t last = first == 0 ? first : first + kBeginnings - 1;
    // From where it is known to lead to the site.
    std::array<bool, kBytesBefore> known = {};
    for (size_t begin = first; begin <= last; ++begin) {
      int since_call = kNearInstructions;
      size_t at = begin;
      while (at < site && !known[at - first]) {
        known[at - first] = true;
        ZydisDecodedInstruction instruction;
        if (!Decode(code, at, instruction)) {
          ++at;
          continue;
        }
        if (BranchesInto(code.substr(at, instruction.length), at, site)) return false;
        since_call = instruction.mnemonic == ZYDIS_MNEMONIC_CALL ? 0 : since_call + 1;
        at += instruction.length;
      }
      if (at > site || (at == site && cancellable && since_call < kNearInstructions)) return false;
    }
    ZydisDecodedInstruction instruction;
    for (size_t at = behind; at < site + kShortReach && Decode(code, at, instruction); at += instruction.length) {
      if (BranchesInto(code.substr(at, instruction.length), at, site)) return false;
    }
    return true;
  }

 private:
  bool Decode(std::string_view code, size_t at, ZydisDecodedInstruction& instruction) const {
    return at < code.size() && ZYAN_SUCCESS(::ZydisDecoderDecodeInstruction(&decoder_, nullptr, code.data() + at,
                                                                            code.size() - at, &instruction));
  }

  static bool BranchesInto(std::string_view instruction, size_t at, size_t site) {
    return IsShortBranch(instruction) &&
           LeadsInto(site, at + 2 + static_cast<int64_t>(static_cast<int8_t>(instruction[1])));
  }

  // It does the same wherever it stands, and leaves the number and the stack alone.
  static bool IsMoveOfArgument(const ZydisDecodedInstruction& instruction, const ZydisDecodedOperand* operands) {
    switch (instruction.mnemonic) {
      case ZYDIS_MNEMONIC_MOV:
      case ZYDIS_MNEMONIC_MOVSXD:
      case ZYDIS_MNEMONIC_LEA:
      case ZYDIS_MNEMONIC_XOR:
        break;
      default:
        return false;
    }
    if (instruction.attributes & ZYDIS_ATTRIB_IS_RELATIVE) return false;
    return std::none_of(operands, operands + instruction.operand_count, [](const ZydisDecodedOperand& operand) {
      if (!(operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)) return false;
      if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY) return true;
      if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER) return false;
      const ZydisRegister whole = ::ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operand.reg.value);
      return whole == ZYDIS_REGISTER_RAX || whole == ZYDIS_REGISTER_RSP;
    });
  }

  ZydisDecoder decoder_;
};

// All that looks like a site in the segment: it may be data, or the middle of another instruction.
std::vector<CallSite> Candidates(std::string_view file, const Elf64_Phdr& segment, const Disassembler& disassembler) {
  std::vector<CallSite> found;
  const std::string_view code = file.substr(segment.p_offset, segment.p_filesz);
  for (size_t at = code.find('\xb8'); at != std::string_view::npos; at = code.find('\xb8', at + 1)) {
    if (code.size() - at < kMoveSize + kSyscallSize) break;
    const auto number = Load<uint32_t>(code, at + 1);
    if (!IsServed(static_cast<int>(number))) continue;
    const size_t size = disassembler.SiteSize(code.substr(at));
    if (size != 0) found.push_back({segment.p_offset + at, segment.p_vaddr + at, number, size});
    if (found.size() > kMostSites) return {};
  }
  return found;
}

// Sections of code, where they lie in `segment`. None where the file has no list of sections.
std::vector<Elf64_Shdr> CodeSections(std::string_view file, const Elf64_Phdr& segment) {
  std::vector<Elf64_Shdr> sections;
  const auto header = Load<Elf64_Ehdr>(file, 0);
  if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shoff > file.size() ||
      header.e_shnum * sizeof(Elf64_Shdr) > file.size() - header.e_shoff) {
    return sections;
  }
  for (size_t i = 0; i < header.e_shnum; ++i) {
    const auto section = Load<Elf64_Shdr>(file, header.e_shoff + i * sizeof(Elf64_Shdr));
    const bool inside = section.sh_offset >= segment.p_offset && section.sh_size <= segment.p_filesz &&
                        section.sh_offset - segment.p_offset <= segment.p_filesz - section.sh_size;
    if (section.sh_type == SHT_PROGBITS && (section.sh_flags & SHF_EXECINSTR) && inside) sections.push_back(section);
  }
  return sections;
}

}  // namespace

bool IsServed(int number) { return std::find(std::begin(kServed), std::end(kServed), number) != std::end(kServed); }

absl::StatusOr<std::vector<Elf64_Phdr>> ReadSegments(std::string_view file) {
  if (file.size() < sizeof(Elf64_Ehdr)) return absl::InvalidArgumentError("the file is too short");
  const auto header = Load<Elf64_Ehdr>(file, 0);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_machine != EM_X86_64 || header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 ||
      header.e_phnum > kMostSegments || header.e_phoff > file.size() ||
      header.e_phnum * sizeof(Elf64_Phdr) > file.size() - header.e_phoff) {
    return absl::InvalidArgumentError("the file is no 64-bit x86 library or program");
  }
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  std::memcpy(segments.data(), file.data() + header.e_phoff, segments.size() * sizeof(Elf64_Phdr));
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_offset > file.size() || segment.p_filesz > file.size() - segment.p_offset) {
      return absl::InvalidArgumentError("a segment lies outside the file");
    }
  }
  return segments;
}

std::vector<CallSite> FindCallSites(std::string_view file, std::span<const Elf64_Phdr> segments) {
  const Disassembler disassembler;
  std::vector<CallSite> all;
  uint64_t left = file.size();
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_X)) continue;
    // They overlap.
    if (segment.p_filesz > left) return {};
    left -= segment.p_filesz;
    std::vector<CallSite> sites = Candidates(file, segment, disassembler);
    RemoveBranchTargets(file.substr(segment.p_offset, segment.p_filesz), segment.p_vaddr, sites);
    const std::vector<Elf64_Shdr> sections = CodeSections(file, segment);
    for (const CallSite& site : sites) {
      const auto holds = [&](const Elf64_Shdr& section) {
        return site.offset >= section.sh_offset && site.offset + site.size <= section.sh_offset + section.sh_size;
      };
      const auto section = std::find_if(sections.begin(), sections.end(), holds);
      if (section == sections.end()) continue;
      const size_t at = site.offset - section->sh_offset;
      const std::string_view code = file.substr(section->sh_offset, section->sh_size);
      if (disassembler.IsReached(code, at, at + site.size, IsCancellable(site.number))) all.push_back(site);
    }
  }
  std::sort(all.begin(), all.end(), [](const CallSite& a, const CallSite& b) { return a.address < b.address; });
  return all;
}

}  // namespace wslm::fastpath
