// What the fuzzers share. A harness turns bytes into calls of one parser and aborts when an answer breaks a promise of
// its header; libFuzzer and the sanitizers see the rest.
#ifndef WSLM_TESTS_FUZZ_FUZZ_H_
#define WSLM_TESTS_FUZZ_FUZZ_H_

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "distros/host/unique_fd.h"

// In place of an assertion, which a build may leave out.
#define FUZZ_CHECK(condition)                                                              \
  do {                                                                                     \
    if (!(condition)) {                                                                    \
      std::fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                        \
    }                                                                                      \
  } while (false)

namespace wslm::fuzz {

inline std::string_view TextOf(const uint8_t* data, size_t size) { return {reinterpret_cast<const char*>(data), size}; }

// A file in memory with these bytes, for parsers that want a path.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    FUZZ_CHECK(fd_.get() >= 0);
    while (!bytes.empty()) {
      const ssize_t count = ::write(fd_.get(), bytes.data(), bytes.size());
      FUZZ_CHECK(count > 0);
      bytes.remove_prefix(static_cast<size_t>(count));
    }
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }
  int fd() const { return fd_.get(); }

 private:
  const UniqueFd fd_;
};

// A folder of the process's own, in memory where the host has /dev/shm, removed when the process ends.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm/wslm-fuzz-XXXXXX" : "/tmp/wslm-fuzz-XXXXXX";
    FUZZ_CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  void Clear() const {
    for (const auto& entry : std::filesystem::directory_iterator(path_)) std::filesystem::remove_all(entry);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace wslm::fuzz

#endif  // WSLM_TESTS_FUZZ_FUZZ_H_
