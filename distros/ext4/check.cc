#include <unistd.h>

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "distros/ext4/ext4.h"
#include "distros/host/error.h"
#include "distros/host/host_tool.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

constexpr size_t kQuotedOutput = 500;

}  // namespace

absl::Status CheckExt4(const std::string& image, const CancelFlag* cancel) {
  if (::access(image.c_str(), R_OK) != 0) return ErrnoError("cannot open", image);
  ASSIGN_OR_RETURN(const ToolResult result, RunTool("e2fsck", {"-fn", "--", image}, {.cancel = cancel}));
  if (result.exit_code == 0) return absl::OkStatus();
  const std::string words(absl::StripAsciiWhitespace(result.output).substr(0, kQuotedOutput));
  // From 8 on e2fsck could not do its work; below it found errors.
  if (result.exit_code >= 8) {
    return Error(absl::StatusCode::kInternal, reason::kIoError,
                 absl::StrCat("e2fsck could not check ", Escaped(image), ": ", Escaped(words)), {{"path", image}});
  }
  return Error(absl::StatusCode::kDataLoss, reason::kVerificationFailed,
               absl::StrCat("The file system in ", Escaped(image), " has errors: ", Escaped(words)), {{"path", image}});
}

}  // namespace wslm
