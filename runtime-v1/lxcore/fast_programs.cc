#include "runtime-v1/lxcore/fast_programs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "runtime-v1/fastpath/call_sites.h"
#include "runtime-v1/fastpath/code_image.h"
#include "runtime-v1/fastpath/protocol.h"
#include "runtime-v1/fastpath/seed.h"
#include "runtime-v1/lxcore/guest_files.h"
#include "runtime-v1/lxcore/guest_memory.h"

namespace wslm::lxcore {
namespace {

// So many calls cost about as much as the fast path does once.
constexpr int32_t kEnoughCalls = 64;
// After a refusal it is looked at again only when so many more have come.
constexpr int32_t kCallsAfterRefusal = 8192;
// What is read of a program when it is first met must not keep lxcore from others.
constexpr uint64_t kMostSize = uint64_t{8} << 20;
constexpr size_t kMostPrograms = 256;
// So that there is room for C libraries (fast_copies.h).
constexpr size_t kMostImages = 40;

// The GNU C library's loader, by any of its names: it has to ask for libraries. musl's is the library.
bool AsksForLibraries(std::string_view name) {
  name.remove_prefix(name.rfind('/') + 1);
  return name.starts_with("ld-") && !name.starts_with("ld-musl-");
}

// Writes to private memory that its owner may only read, by leaving the owner a copy of the page, where the host allows
// that.
bool Write(int memory, uint64_t address, std::string_view bytes) {
  return ::pwrite(memory, bytes.data(), bytes.size(), static_cast<off_t>(address)) ==
         static_cast<ssize_t>(bytes.size());
}

UniqueFd OpenMemory(int proc, pid_t tid) {
  return UniqueFd(::openat(proc, (std::to_string(tid) + "/mem").c_str(), O_RDWR | O_CLOEXEC));
}

std::string ReadBytes(pid_t tid, uint64_t address, size_t size) {
  std::string bytes(size, '\0');
  if (ReadGuest(tid, address, bytes.data(), size) != 0) bytes.clear();
  return bytes;
}

// Where a seed's end is, in a mapping of code that has one.
uint64_t SeedEndOf(uint64_t code_end) { return code_end - sizeof(WslmFastSeedEnd); }

bool ReadSeedEnd(pid_t tid, uint64_t code_end, WslmFastSeedEnd& end) {
  return ReadGuest(tid, SeedEndOf(code_end), &end, sizeof(end)) == 0 && end.magic == WSLM_FAST_SEED_MAGIC;
}

bool SwitchOffSeed(int memory, uint64_t code_end) { return Write(memory, SeedEndOf(code_end), "\x01"); }

}  // namespace

bool FastPrograms::IsCode(const Mapping& mapping) const {
  return mapping.permissions == "r-xp" && mapping.inode != 0 && mapping.device == options_.device &&
         mapping.name.starts_with('/') && mapping.name != FastCopies::kMapsName && !AsksForLibraries(mapping.name);
}

void FastPrograms::Count(const Call& call) {
  if (!fastpath::IsServed(call.number())) return;
  const uint64_t place = call.instruction_pointer();
  Counted& counted = counted_[(place ^ (place >> 8) ^ static_cast<uint64_t>(call.tid())) % counted_.size()];
  if (counted.tid != call.tid() || counted.instruction != place) counted = {call.tid(), place, 0};
  if (++counted.calls < kEnoughCalls) return;
  counted.calls = -kCallsAfterRefusal;
  Plant(call);
}

std::optional<FastPrograms::Found> FastPrograms::Find(const std::vector<Mapping>& maps, uint64_t address) {
  const auto code =
      std::find_if(maps.begin(), maps.end(), [&](const Mapping& mapping) { return mapping.Has(address); });
  if (code == maps.end() || !IsCode(*code)) return std::nullopt;
  const Program* program = ProgramOf(*code);
  if (program == nullptr || program->image == nullptr || program->patch.code_offset != code->offset)
    return std::nullopt;
  const Found found{.program = program, .bias = code->start - program->patch.code_address, .end = code->end};
  // All of it is there, and nothing more.
  if (found.bias + program->patch.seed + fastpath::SeedSize() != code->end) return std::nullopt;
  return found;
}

const FastPrograms::Program* FastPrograms::ProgramOf(const Mapping& code) {
  // The name may be another file's by now, or lead to another mount, which mustn't be entered.
  UniqueFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  open_how how = {
      .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .mode = 0, .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS};
  UniqueFd named(static_cast<int>(::syscall(SYS_openat2, root.get(), code.name.c_str() + 1, &how, sizeof(how))));
  struct statx host;
  if (!named || ::statx(named.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &host) != 0 ||
      !S_ISREG(host.stx_mode) || host.stx_ino != code.inode || host.stx_mnt_id != options_.mount_id) {
    return nullptr;
  }
  const FileKey key{host.stx_ino, host.stx_size, host.stx_ctime.tv_sec * 1'000'000'000 + host.stx_ctime.tv_nsec};
  auto known = programs_.find(key);
  if (known == programs_.end()) {
    if (programs_.size() >= kMostPrograms) programs_.clear();
    UniqueFd file(::open(GuestFiles::OwnFdName(named.get()).c_str(), O_RDONLY | O_CLOEXEC));
    known = programs_.emplace(key, file ? MakeProgram(file.get(), host.stx_size) : Program()).first;
  }
  return &known->second;
}

FastPrograms::Program FastPrograms::MakeProgram(int file, uint64_t size) {
  Program program;
  if (size > kMostSize) return program;
  absl::StatusOr<fastpath::ProgramPatch> patch = fastpath::PatchProgram(ReadWhole(file, size));
  if (!patch.ok()) return program;
  program.patch = *std::move(patch);
  if (const auto same = images_.find(program.patch.image); same != images_.end()) {
    program.image = same->second;
  } else if (images_.size() < kMostImages) {
    program.image = copies_.Add(program.patch.image, /*shared_offset=*/0);
    if (program.image != nullptr) images_.emplace(program.patch.image, program.image);
  }
  return program;
}

void FastPrograms::Plant(const Call& call) {
  const pid_t tid = call.tid();
  const std::vector<Mapping> maps = MemoryMapOf(proc_, tid);
  const std::optional<Found> found = Find(maps, call.instruction_pointer());
  if (!found || !may_answer_(tid)) return;
  const fastpath::ProgramPatch& patch = found->program->patch;
  const uint64_t bias = found->bias;
  const auto site = std::find_if(patch.sites.begin(), patch.sites.end(), [&](const fastpath::ProgramPatch::Site& site) {
    return site.end + bias == call.instruction_pointer();
  });
  if (site == patch.sites.end()) return;
  const uint64_t first = patch.image_address + bias, last = patch.block + bias + fastpath::kPage;
  const auto overlaps = [&](const Mapping& mapping) { return mapping.start < last && mapping.end > first; };
  if (first >= last || std::any_of(maps.begin(), maps.end(), overlaps)) return;
  const uint64_t seed = patch.seed + bias, at = site->address + bias;
  // Planted once already?
  if (ReadBytes(tid, seed, fastpath::SeedSize()) != patch.at_seed) return;
  if (ReadBytes(tid, at, site->before.size()) != site->before) return;
  const std::string code = fastpath::MakeSeed({.address = seed,
                                               .image = first,
                                               .image_size = patch.image.size(),
                                               .block = patch.block + bias,
                                               .site = at,
                                               .number = site->number});
  UniqueFd memory = OpenMemory(proc_, tid);
  if (!memory || !call.StillWaiting() || !Write(memory.get(), seed, code)) return;
  Write(memory.get(), at, fastpath::Jump(at, seed));
}

bool FastPrograms::IsQuestion(const Call& call) {
  return call.number() == SYS_getuid && (call.arg(5) == WSLM_FAST_ASK_IMAGE || call.arg(5) == WSLM_FAST_ASK_JUMPS);
}

Reply FastPrograms::Answer(const Call& call) {
  const pid_t tid = call.tid();
  const uint64_t place = call.instruction_pointer();
  const std::vector<Mapping> maps = MemoryMapOf(proc_, tid);
  const auto code = std::find_if(maps.begin(), maps.end(), [&](const Mapping& mapping) { return mapping.Has(place); });
  WslmFastSeedEnd end;
  if (code == maps.end() || !IsCode(*code) || !ReadSeedEnd(tid, code->end, end)) return Reply::Error(EINVAL);
  if (end.off == 0 && may_answer_(tid)) {
    const std::optional<Found> found = Find(maps, place);
    if (found && call.arg(5) == WSLM_FAST_ASK_IMAGE) {
      if (UniqueFd image = found->program->image->Open(); image) {
        return Reply::Descriptor(std::move(image), /*close_on_exec=*/true);
      }
    }
    if (found && call.arg(5) == WSLM_FAST_ASK_JUMPS) {
      const fastpath::ProgramPatch& patch = found->program->patch;
      const uint64_t image = patch.image_address + found->bias, block = patch.block + found->bias;
      const bool has_image = std::any_of(maps.begin(), maps.end(), [&](const Mapping& mapping) {
        return mapping.start == image && mapping.end == block && mapping.permissions == "r-xp" && mapping.offset == 0 &&
               mapping.inode == found->program->image->inode() && IsCopy(mapping);
      });
      // Another mapping, of the program's own, may have kept the seed from it.
      const bool has_block = call.arg(0) == block && std::any_of(maps.begin(), maps.end(), [&](const Mapping& mapping) {
                               return mapping.Has(block) && mapping.permissions == "rw-p" && mapping.inode == 0;
                             });
      if (has_image && has_block && PutJumps(call, *found)) return Reply::Value(0);
    }
  }
  if (UniqueFd memory = OpenMemory(proc_, tid); memory && call.StillWaiting()) SwitchOffSeed(memory.get(), code->end);
  return Reply::Error(EPERM);
}

bool FastPrograms::PutJumps(const Call& call, const Found& found) const {
  UniqueFd memory = OpenMemory(proc_, call.tid());
  if (!memory || !call.StillWaiting()) return false;
  for (const fastpath::ProgramPatch::Site& site : found.program->patch.sites) {
    const uint64_t at = site.address + found.bias;
    const std::string now = ReadBytes(call.tid(), at, site.before.size());
    const std::string with_seed =
        fastpath::Jump(at, found.program->patch.seed + found.bias) + site.before.substr(fastpath::kMoveSize);
    if (now == site.before || now == with_seed) Write(memory.get(), at, site.after);
  }
  return true;
}

bool FastPrograms::SwitchOff(pid_t tid, const std::vector<Mapping>& maps) const {
  bool changed = false;
  // Of one process from the first look on, whoever has its number later.
  UniqueFd memory = OpenMemory(proc_, tid);
  for (const Mapping& mapping : maps) {
    WslmFastSeedEnd end;
    if (!memory || !IsCode(mapping) ||
        ::pread(memory.get(), &end, sizeof(end), static_cast<off_t>(SeedEndOf(mapping.end))) != sizeof(end) ||
        end.magic != WSLM_FAST_SEED_MAGIC || end.off != 0) {
      continue;
    }
    changed = SwitchOffSeed(memory.get(), mapping.end) || changed;
  }
  return changed;
}

}  // namespace wslm::lxcore
