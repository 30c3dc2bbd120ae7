#include "runtime-v2/host/sleeping_vm.h"

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "nlohmann/json.hpp"
#include "runtime-v2/host/file_identity.h"

namespace wslm {

using Json = nlohmann::json;

std::string SleepingVm::ToJson() const {
  const Json json = {{"vm", Json::parse(vm.ToJson())}, {"key", key}, {"images", images}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<SleepingVm> SleepingVm::FromJson(const std::string& text) {
  const absl::Status malformed =
      Error(absl::StatusCode::kInternal, reason::kInternal, "The record of the hibernated VM is malformed.");
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("vm") || !json.contains("key") || !json["key"].is_string() ||
      !json.contains("images") || !json["images"].is_object()) {
    return malformed;
  }
  SleepingVm sleeping{.key = json["key"].get<std::string>()};
  ASSIGN_OR_RETURN(sleeping.vm, VmRecord::FromJson(json["vm"].dump()));
  for (const auto& [id, identity] : json["images"].items()) {
    if (!identity.is_string()) return malformed;
    sleeping.images[id] = identity.get<std::string>();
  }
  for (const auto& [id, disk] : sleeping.vm.disks) {
    if (!sleeping.images.contains(id)) return malformed;
  }
  return sleeping;
}

absl::Status SleepingVm::CheckImages() const {
  for (const auto& [id, disk] : vm.disks) {
    ASSIGN_OR_RETURN(const std::string now, FileIdentity(disk.image));
    if (now == images.at(id)) continue;
    return absl::DataLossError(absl::StrCat("The disk ", Escaped(disk.image), " was changed meanwhile."));
  }
  return absl::OkStatus();
}

}  // namespace wslm
