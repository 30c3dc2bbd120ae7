#include "runtime-v2/host/kernel_choice.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/home.h"
#include "runtime-v2/host/user_kernel.h"

namespace wslm {

absl::StatusOr<Kernel> ChooseKernel(const std::string& wanted, const std::string& cache_folder,
                                    const std::function<void(const std::string&)>& note) {
  if (!wanted.empty()) {
    auto kernel = EnsureUserKernel(wanted, cache_folder);
    if (kernel.ok()) return kernel;
    const absl::Status& status = kernel.status();
    return Error(status.code(), ReasonOf(status), absl::StrCat(status.message(), " 'kernel' in wslm.conf names it."),
                 MetadataOf(status));
  }
  const char* package = std::getenv("WSLM_KERNEL_DEB");
  if (package == nullptr || *package == '\0') {
    if (const std::string own = ProgramPath("vmlinux"); !own.empty()) return EnsureUserKernel(own, cache_folder);
  }
  return EnsureKernel(cache_folder, note);
}

}  // namespace wslm
