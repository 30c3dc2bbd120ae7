// Running a command in a distro: `wslm`, `wslm CMD`, `wslm -d NAME CMD`, `wslm run …`.
#ifndef WSLM_CLI_COMMANDS_RUN_H_
#define WSLM_CLI_COMMANDS_RUN_H_

#include <string>
#include <vector>

#include "cli/client_command.h"
#include "cli/run_options.h"
#include "wslm/v1/session.pb.h"

namespace wslm::cli {

class RunCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "run"; }
  std::string summary() const override { return "Run a command, or the login shell, in a distro"; }
  std::string usage() const override {
    return "run [-d NAME] [-u USER] [--cd DIR] [-e] [-E K=V]... [--tty | --no-tty] [--detach] [--] [CMD...]";
  }
  std::string details() const override;

  // For `wslm CMD` and `wslm -d NAME CMD`; before Parse.
  void set_form(RunForm form) { form_ = form; }
  // What to name when the guest knows no such program; empty: nothing.
  void set_suggestion(std::string command) { suggestion_ = std::move(command); }

  absl::Status Parse(const std::vector<std::string>& words) override;
  absl::StatusOr<int> Run() override;
  int usage_error_code() const override;
  int failure_code() const override;
  int cancelled_code() const override { return failure_code(); }

 protected:
  void AddArguments(Arguments& arguments) override;

 private:
  absl::StatusOr<v1::Start> MakeStart() const;
  absl::StatusOr<int> RunDetached(const v1::Start& start);
  absl::StatusOr<int> RunAttached(const v1::Start& start);
  void WarnRoot();
  void Suggest();

  RunForm form_ = RunForm::kRun;
  RunOptions options_;
  std::string suggestion_;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_COMMANDS_RUN_H_
