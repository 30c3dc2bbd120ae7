#include "runtime-v1/lxcore/shared_state.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <utility>

#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::lxcore {
namespace {

constexpr uint32_t kMagic = 0x4c584352;

static_assert(offsetof(SharedMemory, magic) == 0 && offsetof(SharedMemory, layout) == 4);
static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<uint32_t>::is_always_lock_free);

}  // namespace

absl::StatusOr<SharedState> SharedState::Map(UniqueFd fd) {
  void* const memory = ::mmap(nullptr, sizeof(SharedMemory), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return ErrnoError("cannot map", "the memory shared with lxcore");
  return SharedState(std::move(fd), static_cast<SharedMemory*>(memory));
}

absl::StatusOr<SharedState> SharedState::Make() {
  UniqueFd fd(::memfd_create("wslm-lxcore", MFD_CLOEXEC));
  // Sparse: it takes what is written to.
  if (!fd || ::ftruncate(fd.get(), sizeof(SharedMemory)) != 0) {
    return ErrnoError("cannot make", "the memory shared with lxcore");
  }
  ASSIGN_OR_RETURN(SharedState state, Map(std::move(fd)));
  state->magic = kMagic;
  state->layout = kLayout;
  return state;
}

absl::StatusOr<SharedState> SharedState::Attach(UniqueFd fd) {
  uint32_t head[2];
  struct stat st;
  if (::pread(fd.get(), head, sizeof(head), 0) != sizeof(head) || ::fstat(fd.get(), &st) != 0) {
    return ErrnoError("cannot read", "the memory shared with lxcore");
  }
  if (head[0] != kMagic || head[1] != kLayout || st.st_size != sizeof(SharedMemory)) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kStartFailed,
                 "The distro was started by another version of wslm, which keeps its memory in another way.");
  }
  return Map(std::move(fd));
}

SharedState::SharedState(SharedState&& other) noexcept
    : fd_(std::move(other.fd_)), memory_(std::exchange(other.memory_, nullptr)) {}

SharedState::~SharedState() {
  if (memory_ != nullptr) ::munmap(memory_, sizeof(SharedMemory));
}

}  // namespace wslm::lxcore
