#include "runtime-v1/lxcore/shared_state.h"

#include <sys/mman.h>
#include <sys/socket.h>
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
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoError("cannot make", "the sockets for lxcore's files");
  }
  state.files_in_.Reset(ends[0]);
  state.files_out_.Reset(ends[1]);
  // As much as the host lets it be: room for some hundred files.
  constexpr int kRoom = 1 << 20;
  ::setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &kRoom, sizeof(kRoom));
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
    : fd_(std::move(other.fd_)),
      memory_(std::exchange(other.memory_, nullptr)),
      files_in_(std::move(other.files_in_)),
      files_out_(std::move(other.files_out_)) {}

SharedState::~SharedState() {
  if (memory_ != nullptr) ::munmap(memory_, sizeof(SharedMemory));
}

}  // namespace wslm::lxcore
