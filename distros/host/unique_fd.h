// A file descriptor that closes itself.
//
//   UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
//   if (!fd) return ErrnoError("open", path);
#ifndef WSLM_DISTROS_HOST_UNIQUE_FD_H_
#define WSLM_DISTROS_HOST_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace wslm {

// Owns one descriptor, or none (-1). Movable. Not thread-safe.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(other.Release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  // Gives ownership to the caller.
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }
  // Closes what is held and takes `fd`. errno is kept.
  void Reset(int fd = -1);

 private:
  int fd_ = -1;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_HOST_UNIQUE_FD_H_
