// From the words of a session to the program that is executed.
#ifndef WSLM_RUNTIME_V1_INIT_COMMAND_H_
#define WSLM_RUNTIME_V1_INIT_COMMAND_H_

#include <string>
#include <vector>

#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm::init {

struct Command {
  // A path, or a name to be looked for along PATH.
  std::string file;
  std::vector<std::string> argv;
};

// `shell` is the user's. See wslm.v1.ShellMode for the rules. SHELL_NONE without words is the login shell.
Command CommandOf(const std::vector<std::string>& words, ::wslm::runtime::v1::Shell mode, const std::string& shell);

// The words as one line for a person, of bounded length; the shell for none.
std::string ShownCommand(const std::vector<std::string>& words, const std::string& shell);

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_COMMAND_H_
