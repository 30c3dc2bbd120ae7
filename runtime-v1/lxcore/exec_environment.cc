#include "runtime-v1/lxcore/exec_environment.h"

#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>
#include <utility>

#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

constexpr std::string_view kUnsafe[] = {
    "GCONV_PATH",   "GETCONF_DIR", "GLIBC_TUNABLES", "HOSTALIASES",      "LOCALDOMAIN", "LOCPATH", "MALLOC_CHECK_",
    "MALLOC_TRACE", "NIS_PATH",    "NLSPATH",        "RESOLV_HOST_CONF", "RES_OPTIONS", "TMPDIR",  "TZDIR",
};
// Longer than any of them with its '='.
constexpr size_t kStart = 32;
constexpr size_t kLongest = 128 * 1024;  // MAX_ARG_STRLEN: longer ones fail
constexpr size_t kMostVariables = 100000;

// The process that shares its memory with `tid` and waits for its exec; 0: none.
pid_t SharingParentOf(int proc, pid_t tid) {
  const std::string status = ReadProcFile(proc, std::to_string(tid) + "/status");
  const std::string_view field = StatusField(status, "PPid");
  pid_t parent = 0;
  std::from_chars(field.data(), field.data() + field.size(), parent);
  return parent != 0 && ::syscall(SYS_kcmp, tid, parent, KCMP_VM, 0, 0) == 0 ? parent : 0;
}

}  // namespace

bool IsUnsafeVariable(std::string_view variable) {
  const std::string_view name = variable.substr(0, variable.find('='));
  // All of the loader's own begin with LD_.
  return name.starts_with("LD_") || std::find(std::begin(kUnsafe), std::end(kUnsafe), name) != std::end(kUnsafe);
}

// Kept as the parent's number and the pairs of addresses (SharedState::kLayout).
ExecEnvironments::ExecEnvironments(int proc, KeptLog* kept) : proc_(proc), kept_(kept) {
  if (kept_ == nullptr) return;
  kept_->ForEach(KeptKind::kVariables, [this](std::string_view key, std::string_view value) {
    pid_t tid;
    Hidden hidden;
    if (!FromBytes(key, tid) || !FromBytes(value.substr(0, sizeof(hidden.parent)), hidden.parent)) return;
    value.remove_prefix(sizeof(hidden.parent));
    hidden.variables.resize(value.size() / sizeof(Hidden::Variable));
    std::memcpy(hidden.variables.data(), value.data(), hidden.variables.size() * sizeof(Hidden::Variable));
    hidden_.emplace(tid, std::move(hidden));
  });
}

void ExecEnvironments::Hide(pid_t tid, uint64_t environment) {
  Hidden hidden;
  std::vector<uint64_t> empty;
  for (size_t i = 0; environment != 0 && i < kMostVariables; ++i) {
    const uint64_t at = environment + i * sizeof(uint64_t);
    uint64_t pointer = 0;
    std::string start, variable;
    if (ReadGuest(tid, at, &pointer, sizeof(pointer)) != 0 || pointer == 0) break;
    ReadGuestString(tid, pointer, kStart, start);
    if (!IsUnsafeVariable(start) || ReadGuestString(tid, pointer, kLongest, variable) != 0) continue;
    hidden.variables.push_back({at, pointer});
    // Its end is an empty string.
    empty.push_back(pointer + variable.size());
  }
  if (hidden.variables.empty()) return;
  const auto variables = hidden.variables;
  hidden.parent = SharingParentOf(proc_, tid);
  // Kept before the first is hidden: whenever lxcore ends, they can be shown again.
  if (hidden.parent != 0) Keep(tid, std::move(hidden));
  for (size_t i = 0; i < variables.size(); ++i) WriteGuest(tid, variables[i].at, &empty[i], sizeof(empty[i]));
}

void ExecEnvironments::Keep(pid_t tid, Hidden hidden) {
  if (kept_ != nullptr) {
    std::string value(BytesOf(hidden.parent));
    value.append(reinterpret_cast<const char*>(hidden.variables.data()),
                 hidden.variables.size() * sizeof(Hidden::Variable));
    // Without room for it, the parent goes without them should lxcore end.
    static_cast<void>(kept_->Put(KeptKind::kVariables, BytesOf(tid), value));
  }
  hidden_.insert_or_assign(tid, std::move(hidden));
}

void ExecEnvironments::ShowToParentOf(pid_t tid) {
  const auto found = hidden_.find(tid);
  if (found == hidden_.end()) return;
  const Hidden& hidden = found->second;
  for (const auto& [at, pointer] : hidden.variables) WriteGuest(hidden.parent, at, &pointer, sizeof(pointer));
  hidden_.erase(found);
  if (kept_ != nullptr) kept_->Remove(KeptKind::kVariables, BytesOf(tid));
}

}  // namespace wslm::lxcore
