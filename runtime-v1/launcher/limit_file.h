// The file in which lxcore notes what a distro's programs ran into (runtime-v1/lxcore/limits.h), read as it grows.
#ifndef WSLM_RUNTIME_V1_LAUNCHER_LIMIT_FILE_H_
#define WSLM_RUNTIME_V1_LAUNCHER_LIMIT_FILE_H_

#include <functional>
#include <mutex>
#include <set>
#include <string>

#include "distros/host/unique_fd.h"
#include "wslm/runtime/v1/instance.h"

namespace wslm {

// Thread-safe.
class LimitFile {
 public:
  // What is in it already was told by whoever watched before. Without a file there is nothing to tell.
  explicit LimitFile(const std::string& path);

  // Becomes readable when there is something new; none when that can't be watched.
  int watch_fd() const { return watch_.get(); }
  void SetCallback(runtime::v1::Instance::LimitCallback callback);
  // Calls the callback for what was noted since the last time, in order, on the calling thread. A kind that nobody has
  // been told of yet comes again and again.
  void Tell();

 private:
  UniqueFd file_;
  UniqueFd watch_;
  std::mutex mutex_;
  runtime::v1::Instance::LimitCallback callback_;
  // The beginning of a line whose end isn't written yet.
  std::string rest_;
  std::set<std::string> reached_;
  std::set<std::string> told_;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V1_LAUNCHER_LIMIT_FILE_H_
