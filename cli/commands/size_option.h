// "--size SIZE" of the commands that make a version 2 distro's disk.
#ifndef WSLM_CLI_COMMANDS_SIZE_OPTION_H_
#define WSLM_CLI_COMMANDS_SIZE_OPTION_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "cli/arguments.h"
#include "cli/output/units.h"

namespace wslm::cli {

class SizeOption {
 public:
  void AddTo(Arguments& arguments) {
    arguments.Option("--size", "SIZE", text_, "Of version 2: how large its disk may grow, as 64G");
  }
  // 0 when it is not given. Error: INVALID_ARGUMENT.
  absl::StatusOr<int64_t> Bytes() const { return text_.empty() ? 0 : ParseBytes(text_); }

 private:
  std::string text_;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_COMMANDS_SIZE_OPTION_H_
