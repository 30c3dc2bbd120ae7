// A name may lead elsewhere at any moment: what is done by it is done where it leads then, by the rights that count
// there.
#include <fcntl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <initializer_list>
#include <thread>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "files/moving";

constexpr unsigned kExchange = 2;  // RENAME_EXCHANGE
constexpr int kTimes = 400;

// Exchanges two names until it goes.
class Exchanger {
 public:
  Exchanger(const char* a, const char* b)
      : thread_([this, a, b] {
          while (!done_) {
            if (syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, kExchange) != 0) failed_ = true;
          }
        }) {}
  ~Exchanger() {
    done_ = true;
    thread_.join();
    THAT(!failed_);
  }

 private:
  std::atomic<bool> done_ = false, failed_ = false;
  std::thread thread_;
};

bool IsOneOf(int error, std::initializer_list<int> allowed) {
  return std::find(allowed.begin(), allowed.end(), error) != allowed.end();
}

BEHAVIOUR(kRoot, "a folder that is exchanged for one without rights gets nothing made in it") {
  MakeFolder("users");
  Own("users", kUser, kUser);
  MakeFolder("roots");
  {
    const Exchanger exchanger("users", "roots");
    As(kUser, [] {
      for (int i = 0; i < kTimes; ++i) {
        const std::string name = "users/" + std::to_string(i);
        const int error = mkdir(name.c_str(), 0755) == 0 ? 0 : errno;
        THAT(IsOneOf(error, {0, EACCES}));
        const int link_error = symlink("x", (name + "l").c_str()) == 0 ? 0 : errno;
        THAT(IsOneOf(link_error, {0, EACCES}));
      }
    });
  }
  const std::string roots = StatOf("roots").st_uid == 0 ? "roots" : "users";
  OK(rmdir(roots.c_str()));  // it is empty
}

BEHAVIOUR(kRoot, "a file that is exchanged for another's keeps its mode and owner") {
  for (const char* folder : {"users", "roots"}) {
    MakeFolder(folder);
    WriteFile(std::string(folder) + "/f", "text", 0604);
  }
  Own("users/f", kUser, kUser);
  {
    const Exchanger exchanger("users", "roots");
    As(kUser, [] {
      for (int i = 0; i < kTimes; ++i) {
        const int error = chmod("users/f", i % 2 == 0 ? 0646 : 04755) == 0 ? 0 : errno;
        THAT(IsOneOf(error, {0, EPERM}));
      }
    });
  }
  const std::string roots = StatOf("users/f").st_uid == 0 ? "users/f" : "roots/f";
  SAME(0604, ModeOf(roots));
  SAME(0, StatOf(roots).st_uid);
}

}  // namespace
}  // namespace wslm::conformance
