#include "daemon/operations/registry_access.h"

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/invalid.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {
namespace {

absl::Status CheckPath(const std::string& path, const char* field) {
  if (path.empty() || path[0] == '/') return absl::OkStatus();
  return Invalid(field, absl::StrCat("The path '", Escaped(path), "' must be absolute."));
}

}  // namespace

absl::StatusOr<oci::registry::RegistryOptions> RegistryOptionsOf(const v1::RegistryAccess& access,
                                                                 OperationContext& context) {
  RETURN_IF_ERROR(CheckPath(access.auth_file(), "access.auth_file"));
  RETURN_IF_ERROR(CheckPath(access.ca_file(), "access.ca_file"));
  oci::registry::RegistryOptions options;
  options.cancel = context.cancel_flag();
  options.progress = [&context](int64_t done, int64_t total) { context.Progress(done, total, ""); };
  options.ca_file = access.ca_file();
  options.auth_file = access.auth_file();
  options.plain_http = access.plain_http();
  if (!access.user().empty()) options.credentials = {access.user(), access.password()};
  return options;
}

}  // namespace wslm::daemon
