// How a session behaves, as a table: who starts a command, how, and what comes out. The same must hold in both runtimes
// and through every layer, so the table knows nothing of either; each test program brings its own way to run a case.
//
// The distro needs: bash, coreutils, the users root and alice (1000, /home/alice, member of group 2000 "crew").
#ifndef WSLM_RUNTIME_V1_INIT_SESSION_CASES_H_
#define WSLM_RUNTIME_V1_INIT_SESSION_CASES_H_

#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace wslm::init {

struct SessionCase {
  // A sentence in CamelCase.
  std::string name;

  std::vector<std::string> argv;
  enum class Shell { kCommand, kNone, kLogin } shell = Shell::kCommand;
  std::string user;
  std::string folder;
  std::vector<std::pair<std::string, std::string>> environment;
  std::string input;
  // All three streams are a terminal of 24 rows and 80 columns.
  bool terminal = false;

  // Exactly this; a terminal's output has \r\n. nullopt: whatever.
  std::optional<std::string> stdout;
  // These words are in it.
  std::string stderr_has;
  int exit_code = 0;
  // When not 0: ended by it.
  int exit_signal = 0;
  // When not empty: no command was started, for this reason.
  std::string error_reason;
};

// For gtest's messages.
inline void PrintTo(const SessionCase& session_case, std::ostream* out) { *out << session_case.name; }

inline std::vector<SessionCase> SessionCases() {
  using Shell = SessionCase::Shell;
  return {
      {.name = "OneWordIsAShellLine", .argv = {"echo a b | wc -w"}, .stdout = "2\n"},
      {.name = "SeveralWordsReachTheProgramUnchanged",
       .argv = {"printf", "<%s>", "a b", "$HOME", "it's", "*", "", "\n"},
       .stdout = "<a b><$HOME><it's><*><><\n>"},
      {.name = "WithoutAShellWordsReachTheProgramUnchanged",
       .argv = {"printf", "<%s>", "a b", "$HOME"},
       .shell = Shell::kNone,
       .stdout = "<a b><$HOME>"},
      {.name = "ALoginShellKnowsThatItIsOne",
       .argv = {"shopt -q login_shell && echo login"},
       .shell = Shell::kLogin,
       .stdout = "login\n"},
      {.name = "ACommandsShellIsNoLoginShell", .argv = {"shopt -q login_shell || echo plain"}, .stdout = "plain\n"},
      {.name = "NoCommandIsTheLoginShellFedFromStdin",
       .input = "shopt -q login_shell && echo login $0\nexit 3\n",
       .stdout = "login -bash\n",
       .exit_code = 3},
      {.name = "ExitCodesPass", .argv = {"exit 42"}, .exit_code = 42},
      {.name = "ExitCode255Passes", .argv = {"exit 255"}, .exit_code = 255},
      {.name = "ASignalsEndIsTold", .argv = {"kill -KILL $$"}, .exit_signal = 9},
      {.name = "AnUnknownProgramIs127",
       .argv = {"no-such-program", "x"},
       .shell = Shell::kNone,
       .stderr_has = "no-such-program: command not found",
       .exit_code = 127},
      {.name = "AnUnknownWordInTheShellIs127", .argv = {"no-such-program"}, .exit_code = 127},
      {.name = "AnUnknownPathIs127",
       .argv = {"/no/such/program"},
       .shell = Shell::kNone,
       .stderr_has = "No such file or directory",
       .exit_code = 127},
      {.name = "AFileThatIsNoProgramIs126",
       .argv = {"/etc/passwd"},
       .shell = Shell::kNone,
       .stderr_has = "Permission denied",
       .exit_code = 126},
      {.name = "AFolderIs126",
       .argv = {"/etc"},
       .shell = Shell::kNone,
       .stderr_has = "Is a directory",
       .exit_code = 126},
      {.name = "StdoutAndStderrAreApart", .argv = {"echo out; echo err >&2"}, .stdout = "out\n", .stderr_has = "err\n"},
      {.name = "StdinReachesTheCommandAndEnds", .argv = {"cat"}, .input = "one\ntwo\n", .stdout = "one\ntwo\n"},
      {.name = "EmptyStdinIsAtItsEnd", .argv = {"wc", "-c"}, .stdout = "0\n"},
      {.name = "AMegabyteGoesThroughUnchanged",
       .argv = {"cat"},
       .input = std::string(1'000'000, 'm') + "end",
       .stdout = std::string(1'000'000, 'm') + "end"},
      {.name = "UnreadStdinHarmsNothing", .argv = {"true"}, .input = std::string(600'000, 'u'), .stdout = ""},
      {.name = "RootIsTheDefaultUser",
       .argv = {"id -u; id -g; echo $HOME $USER $LOGNAME"},
       .stdout = "0\n0\n/root root root\n"},
      {.name = "AUserByNameHasItsIdsAndGroups",
       .argv = {"id -u; id -g; id -G; echo $HOME $USER $LOGNAME $SHELL"},
       .user = "alice",
       .stdout = "1000\n1000\n1000 2000\n/home/alice alice alice /bin/bash\n"},
      {.name = "AUserByNumberIsTheSame", .argv = {"id", "-un"}, .user = "1000", .stdout = "alice\n"},
      {.name = "AnUnknownNumberIsAUserToo", .argv = {"id", "-u"}, .user = "4242", .folder = "/", .stdout = "4242\n"},
      {.name = "AnUnknownUserIsAnError", .argv = {"true"}, .user = "mallory", .error_reason = "USER_NOT_FOUND"},
      {.name = "AUserCannotWriteRootsFiles",
       .argv = {"echo x >> /etc/passwd"},
       .user = "alice",
       .stderr_has = "Permission denied",
       .exit_code = 1},
      {.name = "AUserCannotBecomeRoot",
       .argv = {"setpriv", "--reuid=0", "id", "-u"},
       .user = "alice",
       .stderr_has = "not permitted",
       .exit_code = 127},
      {.name = "TheHomeIsTheFolder", .argv = {"pwd"}, .user = "alice", .stdout = "/home/alice\n"},
      {.name = "AFolderIsEntered", .argv = {"pwd"}, .folder = "/usr/bin", .stdout = "/usr/bin\n"},
      {.name = "ATildeIsTheHome", .argv = {"pwd"}, .user = "alice", .folder = "~", .stdout = "/home/alice\n"},
      {.name = "ATildePathLiesInTheHome", .argv = {"pwd"}, .user = "root", .folder = "~/.", .stdout = "/root\n"},
      {.name = "AMissingFolderIsAnError", .argv = {"pwd"}, .folder = "/no/such", .error_reason = "INVALID_ARGUMENT"},
      {.name = "ARelativeFolderIsAnError", .argv = {"pwd"}, .folder = "usr", .error_reason = "INVALID_ARGUMENT"},
      {.name = "TheEnvironmentIsCleanAndTheCallersWins",
       .argv = {"echo $GIVEN $HOSTTYPE $TERM [$INIT_SECRET]; PATH= ; echo $HOME"},
       .environment = {{"GIVEN", "a value"}, {"HOME", "/given"}},
       .stdout = "a value x86_64 dumb []\n/given\n"},
      {.name = "TheMaskIs022", .argv = {"umask"}, .stdout = "0022\n"},
      {.name = "NoSignalIsIgnoredOrBlocked",
       .argv = {"sed -n '/^Sig[BI]/p' /proc/self/status | tr -d '\\t\\n'"},
       .shell = Shell::kCommand,
       .stdout = "SigBlk:0000000000000000SigIgn:0000000000000000"},
      {.name = "OnlyTheThreeStreamsAreOpen",
       .argv = {"/bin/sh", "-c", "for fd in $(seq 3 99); do test -e /proc/$$/fd/$fd && echo $fd; done; echo done"},
       .shell = Shell::kNone,
       .stdout = "done\n"},
      {.name = "ATerminalIsOneInside",
       .argv = {"tty; stty size; test -t 0 && test -t 1 && test -t 2 && echo all; echo $TERM"},
       .terminal = true,
       .stdout = "/dev/pts/0\r\n24 80\r\nall\r\nxterm\r\n"},
      {.name = "ATerminalBelongsToItsUser",
       .argv = {"stat -c %U:%a $(tty); echo x > $(tty)"},
       .user = "alice",
       .terminal = true,
       .stdout = "alice:620\r\nx\r\n"},
      {.name = "ATerminalIsTheControllingOne",
       .argv = {"echo here > /dev/tty"},
       .terminal = true,
       .stdout = "here\r\n"},
      {.name = "ATerminalsOutputIsWhole",
       .argv = {"head -c 300000 /dev/zero | tr '\\0' x; echo end"},
       .terminal = true,
       .stdout = std::string(300'000, 'x') + "end\r\n"},
      {.name = "WithoutATerminalThereIsNone",
       .argv = {"tty; test -e /dev/tty && (: < /dev/tty) 2>/dev/null || echo none"},
       .stdout = "not a tty\nnone\n"},
      {.name = "AnExitCodePassesATerminal", .argv = {"exit 7"}, .terminal = true, .stdout = "", .exit_code = 7},
  };
}

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_SESSION_CASES_H_
