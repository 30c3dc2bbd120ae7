#include "cli/run_command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "absl/strings/str_split.h"
#include "cli/command_table.h"
#include "cli/commands/run.h"
#include "cli/exit_codes.h"
#include "cli/testing/fake_daemon.h"
#include "distros/host/error.h"

namespace wslm::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// "act", which ends as it is told.
class Act : public Command {
 public:
  explicit Act(absl::StatusOr<int> result) : result_(std::move(result)) {}
  std::string name() const override { return "act"; }
  std::string summary() const override { return "Act"; }
  std::string usage() const override { return "act"; }
  absl::StatusOr<int> Run() override { return result_; }

 protected:
  void AddArguments(Arguments&) override {}

 private:
  const absl::StatusOr<int> result_;
};

// As Act, with the codes of a command that runs in a distro.
class ActInside : public RunCommand {
 public:
  ActInside(Client& client, Console& console, absl::StatusOr<int> result)
      : RunCommand(client, console), result_(std::move(result)) {}
  absl::StatusOr<int> Run() override { return result_; }

 private:
  const absl::StatusOr<int> result_;
};

class RunCommandLineTest : public ::testing::Test {
 protected:
  // The code of `command` when it ends with `result`.
  int CodeOf(const std::string& command, absl::StatusOr<int> result) {
    Commands commands;
    commands.push_back(std::make_unique<Act>(result));
    commands.push_back(std::make_unique<ActInside>(client_, console_, result));
    return RunCommandLine({.command = command, .words = {}}, commands, absl::OkStatus(), console_);
  }

  // The code of a whole command line, without a daemon.
  int Run(const std::string& line, const absl::Status& environment = absl::OkStatus()) {
    const Commands commands = MakeCommands({client_, console_, "/no/such/socket"});
    return RunCommandLine(ReadCommandLine(absl::StrSplit(line, ' '), NamesOf(commands)), commands, environment,
                          console_);
  }

  Pipe out_;
  Pipe err_;
  Console console_{out_.writer.get(), err_.writer.get()};
  Client client_{"/no/such/socket", DaemonLauncher(Home(), "")};
};

TEST_F(RunCommandLineTest, ACommandThatManagesSaysHowItEnded) {
  EXPECT_EQ(CodeOf("act", kExitDetached), kExitDetached);
  EXPECT_EQ(CodeOf("act", absl::InternalError("x")), kExitFailed);
  EXPECT_EQ(CodeOf("act", absl::InvalidArgumentError("of its own")), kExitUsage);
  EXPECT_EQ(CodeOf("act", Error(absl::StatusCode::kInvalidArgument, reason::kInvalidName, "the daemon's")),
            kExitFailed);
  EXPECT_EQ(CodeOf("act", Error(absl::StatusCode::kCancelled, reason::kCancelled, "x")), kExitCancelled);
  EXPECT_EQ(CodeOf("act", Error(absl::StatusCode::kAborted, reason::kInterrupted, "x")), kExitFailed);
}

TEST_F(RunCommandLineTest, WhateverFailsBeforeTheGuestRunsGives125) {
  EXPECT_EQ(CodeOf("run", 42), 42);
  for (const absl::Status& status :
       {absl::InternalError("x"), absl::InvalidArgumentError("x"), absl::CancelledError("x"),
        Error(absl::StatusCode::kCancelled, reason::kCancelled, "x")}) {
    EXPECT_EQ(CodeOf("run", status), kExitOwnFailure) << status;
  }
  EXPECT_EQ(Run("run --no-such-option"), kExitOwnFailure);
  EXPECT_EQ(Run("-d"), kExitOwnFailure);
  EXPECT_EQ(Run("ls", absl::FailedPreconditionError("no home")), kExitOwnFailure);
}

TEST_F(RunCommandLineTest, EveryErrorButOneOfUsageEndsWithACode) {
  CodeOf("act", absl::UnavailableError("The connection was lost."));
  CodeOf("act", Error(absl::StatusCode::kNotFound, reason::kDistroNotFound, "No such distro."));
  CodeOf("act", absl::InvalidArgumentError("Wrong words."));
  EXPECT_EQ(err_.Drain(),
            "wslm: The connection was lost.\nError code: UNAVAILABLE\n"
            "wslm: No such distro.\nError code: DISTRO_NOT_FOUND\n"
            "wslm: Wrong words.\n");
}

TEST_F(RunCommandLineTest, JsonIsADocumentAlsoWithoutADaemon) {
  EXPECT_EQ(Run("daemon status --json"), kExitFailed);
  EXPECT_EQ(Run("version --json"), kExitOk);
  EXPECT_THAT(out_.Drain(), AllOf(HasSubstr("\"pid\": 0"), HasSubstr("\"wslm_version\": \"" WSLM_VERSION "\"")));
}

TEST_F(RunCommandLineTest, WrongWordsGive2) {
  for (const char* line : {"list --no-such-option", "import", "set-version deb 3", "set-version", "terminate",
                           "op watch", "help nonsense"}) {
    EXPECT_EQ(Run(line), kExitUsage) << line;
  }
  EXPECT_THAT(err_.Drain(), Not(HasSubstr("Error code")));
}

TEST_F(RunCommandLineTest, WhatTheEnvironmentLacksFailsButForHelp) {
  const absl::Status none = Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument, "WSLM_HOST is bad.");
  EXPECT_EQ(Run("list", none), kExitFailed);
  EXPECT_EQ(Run("list --help", none), kExitOk);
  EXPECT_EQ(Run("help list", none), kExitOk);
  EXPECT_EQ(Run("op --help", none), kExitOk);
}

TEST_F(RunCommandLineTest, HelpOfAFamilyIsData) {
  EXPECT_EQ(Run("op --help"), kExitOk);
  EXPECT_EQ(Run("daemon --help"), kExitOk);
  EXPECT_EQ(err_.Drain(), "");
  EXPECT_THAT(out_.Drain(), AllOf(HasSubstr("op watch"), HasSubstr("daemon socket"), Not(HasSubstr("import"))));
}

TEST_F(RunCommandLineTest, AFamilyWithoutItsSecondWordShowsThose) {
  EXPECT_EQ(Run("op"), kExitUsage);
  EXPECT_EQ(Run("op foo"), kExitUsage);
  EXPECT_EQ(out_.Drain(), "");
  EXPECT_THAT(err_.Drain(), AllOf(HasSubstr("'op' wants one of these"), HasSubstr("no command 'op foo'")));
}

}  // namespace
}  // namespace wslm::cli
