// What a command line of wslm asks for: one of our commands, or a program of the guest's.
//
// The first word that is no option is a command if it is one, else the guest's program. After any option of a run
// (-d -u --cd -e --) the rest is always the guest's.
#ifndef WSLM_CLI_GRAMMAR_H_
#define WSLM_CLI_GRAMMAR_H_

#include <string>
#include <vector>

namespace wslm::cli {

struct CommandLine {
  std::string command;             // One of `commands`, of one word or two ("op list"); "run" for the guest's.
  std::vector<std::string> words;  // What follows it.
  // No word of ours stood before the guest's: it may be a command mistyped.
  bool bare = false;
  // `wslm CMD` or `wslm -d NAME CMD`, not `wslm run …`.
  bool short_run = false;
};

// `words` without the program's name, rewritten by RewriteLegacySpellings. The first word of a two-word command that is
// not followed by its second one ("op", "op foo") is answered as the command of that word.
CommandLine ReadCommandLine(const std::vector<std::string>& words, const std::vector<std::string>& commands);

// The command that `word` was probably meant to be, empty when none is close.
std::string CloseCommand(const std::string& word, const std::vector<std::string>& commands);

}  // namespace wslm::cli

#endif  // WSLM_CLI_GRAMMAR_H_
