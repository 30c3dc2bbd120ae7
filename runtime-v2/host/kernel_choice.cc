#include "runtime-v2/host/kernel_choice.h"

#include <cstdlib>

#include "distros/host/home.h"
#include "runtime-v2/host/user_kernel.h"

namespace wslm {

absl::StatusOr<Kernel> ChooseKernel(const std::string& wanted, const std::string& cache_folder,
                                    const std::function<void(const std::string&)>& note) {
  if (!wanted.empty()) return EnsureUserKernel(wanted, cache_folder);
  const char* package = std::getenv("WSLM_KERNEL_DEB");
  if (package == nullptr || *package == '\0') {
    if (const std::string own = ProgramPath("vmlinux"); !own.empty()) return EnsureUserKernel(own, cache_folder);
  }
  return EnsureKernel(cache_folder, note);
}

}  // namespace wslm
