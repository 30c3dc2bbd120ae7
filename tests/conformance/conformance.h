// What a test of the conformance suite is made of. A test states how Linux behaves, and is right when the bare kernel
// passes it; then v1 and v2 have to.
//
//   namespace wslm::conformance {
//   namespace {
//   constexpr char kArea[] = "files/open";
//
//   BEHAVIOUR(kEach, "a file that is not there is ENOENT") { FAILS(ENOENT, open("none", O_RDONLY)); }
//
//   BEHAVIOUR(kRoot, "another's file that others may not read is EACCES") {
//     WriteFile("f", "text", 0600);
//     As(kUser, [] { FAILS(EACCES, open("f", O_RDONLY)); });
//   }
//   }  // namespace
//   }  // namespace wslm::conformance
//
// Each test runs in a process of its own, the leader of its session, with umask 022, in an empty folder that is its own
// (0755), for at most 20 s; what it leaves behind is ended and removed. A failed check is reported with its line, and
// the test goes on; OK ends the process that it fails in.
#ifndef WSLM_TESTS_CONFORMANCE_CONFORMANCE_H_
#define WSLM_TESTS_CONFORMANCE_CONFORMANCE_H_

#include <errno.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace wslm::conformance {

// Who runs: an ordinary user has the groups uid and kSharedGroup, and no capability.
inline constexpr uid_t kUser = 1000;   // the second owner of a distro of v1: kept without a record
inline constexpr uid_t kOther = 4321;  // one more
inline constexpr gid_t kSharedGroup = 4000;

// Whom a test is run as. A test of more than one is run once as each.
enum Who { kRoot = 1, kUsers = 2, kEach = 3 };

struct Test {
  const char* area;
  const char* name;
  Who who;
  void (*run)();
};
std::vector<Test>& AllTests();

struct Registration {
  Registration(const char* area, Who who, const char* name, void (*run)()) {
    AllTests().push_back({area, name, who, run});
  }
};

#define WSLM_JOIN_(a, b) a##b
#define WSLM_JOIN(a, b) WSLM_JOIN_(a, b)
// BEHAVIOUR(who, "sentence") { checks }: `who` of enum Who; the area is the file's kArea.
#define BEHAVIOUR(who, name)                                                                                      \
  static void WSLM_JOIN(Behaviour, __LINE__)();                                                                   \
  static const Registration WSLM_JOIN(registration, __LINE__)(kArea, who, name, &WSLM_JOIN(Behaviour, __LINE__)); \
  static void WSLM_JOIN(Behaviour, __LINE__)()

// The call succeeds; its result. Else the process ends.
#define OK(call) ::wslm::conformance::CheckOk((call), #call, __FILE__, __LINE__)
// The call answers -1 and this errno.
#define FAILS(error, call) ::wslm::conformance::CheckFails(error, (errno = 0, (call)), #call, __FILE__, __LINE__)
#define SAME(wanted, value) ::wslm::conformance::CheckSame((wanted), (value), #value, __FILE__, __LINE__)
#define THAT(condition) ::wslm::conformance::CheckThat((condition), #condition, __FILE__, __LINE__)
// Ends the test as one that this kernel or file system can't show. The bare kernel has to skip it as well.
#define SKIP(reason) ::wslm::conformance::EndSkipped(reason)

void Fail(const std::string& what, const char* file, int line);
[[noreturn]] void EndFailed(const std::string& what, const char* file, int line);
[[noreturn]] void EndSkipped(const std::string& reason);
std::string ErrnoName(int error);

template <typename Result>
Result CheckOk(Result result, const char* text, const char* file, int line) {
  const int error = errno;
  bool failed;
  if constexpr (std::is_pointer_v<Result>) {
    failed = result == nullptr || reinterpret_cast<intptr_t>(result) == -1;
  } else {
    failed = result < 0;
  }
  if (failed) EndFailed(std::string(text) + " gives " + ErrnoName(error), file, line);
  return result;
}

template <typename Result>
void CheckFails(int wanted, Result result, const char* text, const char* file, int line) {
  const int error = errno;
  int64_t number;
  if constexpr (std::is_pointer_v<Result>) {
    number = reinterpret_cast<int64_t>(result);
  } else {
    number = static_cast<int64_t>(result);
  }
  if (number != -1) {
    Fail(std::string(text) + " gives " + std::to_string(number) + ", not " + ErrnoName(wanted), file, line);
  } else if (error != wanted) {
    Fail(std::string(text) + " gives " + ErrnoName(error) + ", not " + ErrnoName(wanted), file, line);
  }
}

std::string Shown(std::string_view text);
std::string Shown(int64_t number);
void ReportSame(bool same, const std::string& wanted, const std::string& value, const char* text, const char* file,
                int line);

// Strings as strings, all else as numbers. Numbers are shown in octal too: most are modes.
template <typename Wanted, typename Value>
void CheckSame(const Wanted& wanted, const Value& value, const char* text, const char* file, int line) {
  if constexpr (std::is_integral_v<Value> || std::is_enum_v<Value>) {
    const auto w = static_cast<int64_t>(wanted), v = static_cast<int64_t>(value);
    ReportSame(w == v, Shown(w), Shown(v), text, file, line);
  } else {
    const std::string w(wanted), v(value);
    ReportSame(w == v, Shown(w), Shown(v), text, file, line);
  }
}

inline void CheckThat(bool condition, const char* text, const char* file, int line) {
  if (!condition) Fail(std::string("not so: ") + text, file, line);
}

// Runs `body` in a child process as a user, and waits for it; failed checks in there are the test's.
void As(uid_t uid, const std::function<void()>& body);
// The same with other ids. From then on it has no capability, unless `uid` is 0.
void As(uid_t uid, gid_t gid, const std::vector<gid_t>& groups, const std::function<void()>& body);
// The same as who runs already: for what changes the process.
void InChild(const std::function<void()>& body);

// Helpers for files; each ends the process when it fails. `mode` is exact, whatever the umask.
void WriteFile(const std::string& path, std::string_view content = "", mode_t mode = 0644);
std::string ReadFile(const std::string& path);
void MakeFolder(const std::string& path, mode_t mode = 0755);
void Own(const std::string& path, uid_t uid, gid_t gid);  // lchown
struct stat StatOf(const std::string& path);              // lstat
mode_t ModeOf(const std::string& path);                   // lstat, without the type
std::string ReadLink(const std::string& path);
// `length` times "x".
std::string Long(size_t length);

}  // namespace wslm::conformance

#endif  // WSLM_TESTS_CONFORMANCE_CONFORMANCE_H_
