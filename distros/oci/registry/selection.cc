#include "distros/oci/registry/selection.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "distros/host/error.h"

namespace wslm::oci::registry {

absl::StatusOr<Descriptor> ChooseForPlatform(const Manifest& index, const Platform& platform, const std::string& name) {
  std::set<std::string> offered;
  if (const Descriptor* chosen = ChooseByPlatform(index.manifests, platform, offered); chosen != nullptr) {
    return *chosen;
  }
  const std::string list = offered.empty() ? "none" : Escaped(absl::StrJoin(offered, ", ").substr(0, 1000));
  return Error(absl::StatusCode::kNotFound, reason::kFileNotFound,
               absl::StrCat("There is no image for ", platform.ToString(), " in ", name, "; there is: ", list, "."),
               {{"path", name}});
}

}  // namespace wslm::oci::registry
