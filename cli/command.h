// One command of wslm: its name, its arguments, what it does.
#ifndef WSLM_CLI_COMMAND_H_
#define WSLM_CLI_COMMAND_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/arguments.h"

namespace wslm::cli {

// Used once: Parse, then Run.
class Command {
 public:
  virtual ~Command() = default;

  // "import", or of two words "op list".
  virtual std::string name() const = 0;
  // What it does, on one line, without a full stop.
  virtual std::string summary() const = 0;
  // What follows "wslm": "import NAME [DIR] FILE|- [OPTIONS]".
  virtual std::string usage() const = 0;
  // More for `help COMMAND`; may be empty.
  virtual std::string details() const { return ""; }

  // Takes the words after the name. Error: INVALID_ARGUMENT, a sentence on what is wrong. Sets help_wanted() when help
  // was asked for; Run must not be called then.
  virtual absl::Status Parse(const std::vector<std::string>& words);
  bool help_wanted() const { return help_wanted_; }
  // The whole text of `help COMMAND`.
  std::string Help();

  // Does it; answers the code to exit with. An error is reported by the caller.
  virtual absl::StatusOr<int> Run() = 0;
  // The code to exit with after an error of Parse or Run.
  virtual int usage_error_code() const;
  virtual int failure_code() const;
  // The same after CANCELLED.
  virtual int cancelled_code() const;

 protected:
  // Declares options and positional arguments, bound to members.
  virtual void AddArguments(Arguments& arguments) = 0;

  bool help_wanted_ = false;
};

using Commands = std::vector<std::unique_ptr<Command>>;

}  // namespace wslm::cli

#endif  // WSLM_CLI_COMMAND_H_
