#include "runtime-v1/lxcore/guest_descriptors.h"

#include <dirent.h>
#include <fcntl.h>

#include <atomic>
#include <charconv>
#include <cstring>
#include <memory>
#include <string>

#include "distros/host/failpoint.h"
#include "runtime-v1/lxcore/guest_socket.h"

namespace wslm::lxcore {
namespace {

// The signal of fcntl(2), F_SETSIG, which belongs to the open file and is sent only with O_ASYNC.
constexpr int kMark = 64;

constexpr uint32_t kGiving = 1;
constexpr uint32_t kGiven = 2;

void Settle() { std::atomic_signal_fence(std::memory_order_seq_cst); }

void Given(GivenDescriptor& given, int number) {
  given.number = number;
  Settle();
  given.step = kGiven;
  Settle();
}

}  // namespace

int GiveDescriptor(const Call& call, int fd, bool close_on_exec, GivenDescriptor& given) {
  ::fcntl(fd, F_SETSIG, kMark);
  given.step = kGiving;
  Settle();
  const int number = call.GiveDescriptor(fd, close_on_exec);
  if (number < 0) {
    given.step = 0;
    return number;
  }
  Failpoint("lxcore.giving").IgnoreError();
  Given(given, number);
  Failpoint("lxcore.given").IgnoreError();
  ::fcntl(fd, F_SETSIG, 0);
  return number;
}

std::optional<int> FindGiven(int proc, const Call& call, GivenDescriptor& given) {
  if (given.step == kGiving) {
    const std::string name = std::to_string(call.tid()) + "/fd";
    UniqueFd folder(::openat(proc, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::unique_ptr<DIR, int (*)(DIR*)> all(folder ? ::fdopendir(folder.Release()) : nullptr, ::closedir);
    while (const dirent* entry = all ? ::readdir(all.get()) : nullptr) {
      int number = -1;
      std::from_chars(entry->d_name, entry->d_name + std::strlen(entry->d_name), number);
      if (number < 0 || ::fcntl(CopyOfGuestSocket(call, number).get(), F_GETSIG) != kMark) continue;
      Given(given, number);
      break;
    }
  }
  if (given.step != kGiven) return std::nullopt;
  ::fcntl(CopyOfGuestSocket(call, given.number).get(), F_SETSIG, 0);
  return given.number;
}

}  // namespace wslm::lxcore
