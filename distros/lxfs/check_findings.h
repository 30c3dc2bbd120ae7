// What a check has found so far. Used by the check's parts.
#ifndef WSLM_DISTROS_LXFS_CHECK_FINDINGS_H_
#define WSLM_DISTROS_LXFS_CHECK_FINDINGS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "distros/lxfs/attributes.h"
#include "distros/lxfs/check.h"

namespace wslm {

// Not thread-safe.
class CheckFindings {
 public:
  explicit CheckFindings(LxfsReport& report) : report_(report) {}

  // What nobody tried to mend.
  void Add(std::string_view path, LxfsFindingKind kind, std::string what);
  // What was tried to be mended: `done` says how, should `status` be OK; else its message is added.
  void Add(std::string_view path, LxfsFindingKind kind, std::string what, const absl::Status& status,
           std::string_view done);
  LxfsReport& report() { return report_; }

 private:
  LxfsReport& report_;
};

// "a character device 1:3, 0666, of 0:0", for findings.
std::string Described(const GuestAttributes& attributes);

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_CHECK_FINDINGS_H_
