#include "cli/commands/limit_options.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace wslm::cli {

absl::Status LimitOptions::SetOn(google::protobuf::Map<std::string, std::string>& limits) const {
  for (const std::string& limit : std::vector<std::string>(absl::StrSplit(text_, ',', absl::SkipEmpty()))) {
    const size_t equals = limit.find('=');
    if (equals == std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat("A limit is NAME=VALUE, not '", limit, "'."));
    }
    limits[limit.substr(0, equals)] = limit.substr(equals + 1);
  }
  return absl::OkStatus();
}

}  // namespace wslm::cli
