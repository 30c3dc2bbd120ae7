// The fast path of programs that don't load a C library of their distro's own: static ones, and those whose C library
// is their loader (musl). They get it while they run (runtime-v1/fastpath/program.h), after some dozens of served calls
// from one place.
//
// Nothing is remembered of a process: where it stands is in its memory. A seed that was planted is asked for by itself,
// and left alone once it is switched off.
//
// One thread only.
#ifndef WSLM_RUNTIME_V1_LXCORE_FAST_PROGRAMS_H_
#define WSLM_RUNTIME_V1_LXCORE_FAST_PROGRAMS_H_

#include <sys/types.h>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "distros/host/unique_fd.h"
#include "runtime-v1/fastpath/program.h"
#include "runtime-v1/lxcore/call.h"
#include "runtime-v1/lxcore/fast_copies.h"
#include "runtime-v1/lxcore/memory_map.h"

namespace wslm::lxcore {

class FastPrograms {
 public:
  struct Options {
    // Only programs on this mount and device, as memory maps show it: the rootfs.
    uint64_t mount_id = 0;
    dev_t device = 0;
  };
  // `may_answer`: whether a process may answer for files itself, and its memory is its only thread's own. `copies` must
  // outlive this.
  FastPrograms(int proc, FastCopies& copies, std::function<bool(pid_t)> may_answer, Options options)
      : proc_(proc), copies_(copies), may_answer_(std::move(may_answer)), options_(options) {}

  // After a call was handled, and before it is answered: plants a seed when there were enough of them.
  void Count(const Call& call);

  // Whether the call is a seed's question.
  static bool IsQuestion(const Call& call);
  Reply Answer(const Call& call);

  // Switches seeds off that the process may have. Whether there was one.
  bool SwitchOff(pid_t tid, const std::vector<Mapping>& maps) const;

 private:
  // A file as it is now.
  struct FileKey {
    uint64_t inode, size;
    int64_t changed_ns;
    auto operator<=>(const FileKey&) const = default;
  };
  struct Program {
    fastpath::ProgramPatch patch;
    const FastCopies::Copy* image = nullptr;  // null: it can have no fast path
  };
  // The program that a process has mapped.
  struct Found {
    const Program* program = nullptr;
    // What is to be added to addresses as linked.
    uint64_t bias = 0;
    // Of the code's mapping.
    uint64_t end = 0;
  };
  struct Counted {
    pid_t tid;
    uint64_t instruction;
    int32_t calls;
  };

  // What may hold a seed. Nothing is read of other mappings: the server of a guest's own file system may keep a page.
  bool IsCode(const Mapping& mapping) const;
  // By an address in its code; nullopt: it can have no fast path.
  std::optional<Found> Find(const std::vector<Mapping>& maps, uint64_t address);
  const Program* ProgramOf(const Mapping& code);
  Program MakeProgram(int file, uint64_t size);
  void Plant(const Call& call);
  bool PutJumps(const Call& call, const Found& found) const;

  int proc_;
  FastCopies& copies_;
  std::function<bool(pid_t)> may_answer_;
  Options options_;
  std::map<FileKey, Program> programs_;
  // By their bytes: a file whose owner, mode or name changes is another one here, but has the same image.
  std::map<std::string, const FastCopies::Copy*> images_;
  std::array<Counted, 256> counted_ = {};
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_FAST_PROGRAMS_H_
