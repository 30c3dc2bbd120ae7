// "--limit NAME=VALUE,…" of the commands that make a distro from what others made.
#ifndef WSLM_CLI_COMMANDS_LIMIT_OPTIONS_H_
#define WSLM_CLI_COMMANDS_LIMIT_OPTIONS_H_

#include <string>

#include "absl/status/status.h"
#include "cli/arguments.h"
#include "google/protobuf/map.h"

namespace wslm::cli {

class LimitOptions {
 public:
  void AddTo(Arguments& arguments) {
    arguments.Option("--limit", "NAME=VALUE[,…]", text_,
                     "What it may cost at most: entries, expansion, total_bytes, …");
  }
  // Names and values are the daemon's to judge. Error: INVALID_ARGUMENT when one has no value.
  absl::Status SetOn(google::protobuf::Map<std::string, std::string>& limits) const;

 private:
  std::string text_;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_COMMANDS_LIMIT_OPTIONS_H_
