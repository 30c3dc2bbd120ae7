#include "cli/commands/run.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

#include "cli/exit_codes.h"
#include "cli/testing/fake_daemon.h"
#include "distros/host/error.h"
#include "distros/host/test_folder.h"
#include "wslm/v1/session.grpc.pb.h"

namespace wslm::cli {
namespace {

// Starts whatever it is asked for but in the distro "missing", or says nothing in "silent".
class FakeSessions : public v1::SessionService::Service {
 public:
  grpc::Status Exec(grpc::ServerContext*,
                    grpc::ServerReaderWriter<v1::ExecResponse, v1::ExecRequest>* stream) override {
    v1::ExecRequest request;
    stream->Read(&request);
    if (request.start().distro() == "missing") {
      return DaemonError(grpc::StatusCode::NOT_FOUND, "DISTRO_NOT_FOUND", "There is no distro called 'missing'.");
    }
    if (request.start().distro() == "silent") return grpc::Status::OK;
    v1::ExecResponse response;
    response.mutable_started()->set_session_id("s1");
    stream->Write(response);
    while (stream->Read(&request)) {
    }
    return grpc::Status::OK;
  }

  grpc::Status DetachSession(grpc::ServerContext*, const v1::DetachSessionRequest*,
                             v1::DetachSessionResponse*) override {
    return grpc::Status::OK;
  }
};

class RunCommandTest : public ::testing::Test {
 protected:
  RunCommandTest() : daemon_(std::vector<grpc::Service*>{&sessions_}), client_(daemon_.MakeClient()) {}

  absl::StatusOr<int> Run(const std::vector<std::string>& words) {
    Console console(out_.writer.get(), err_.writer.get());
    RunCommand command(*client_, console);
    if (absl::Status status = command.Parse(words); !status.ok()) return status;
    return command.Run();
  }

  FakeSessions sessions_;
  FakeDaemon daemon_;
  std::unique_ptr<Client> client_;
  Pipe out_;
  Pipe err_;
};

TEST_F(RunCommandTest, ADetachedCommandLeavesItsSessionsId) {
  EXPECT_EQ(*Run({"--detach", "true"}), kExitOk);
  EXPECT_EQ(out_.Drain(), "s1\n");
}

TEST_F(RunCommandTest, WhatADetachedCommandFailsOfIsTold) {
  // Which of two ends was seen first was a matter of luck.
  for (int i = 0; i < 20; ++i) {
    const absl::StatusOr<int> code = Run({"--detach", "-d", "missing", "true"});
    EXPECT_EQ(ReasonOf(code.status()), reason::kDistroNotFound) << code.status();
  }
}

TEST_F(RunCommandTest, AFolderOfTheHostsThatIsAskedForMustBeThere) {
  const TestFolder folder;
  std::filesystem::create_directory(folder / "there");
  std::ofstream(folder / "file");
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  EXPECT_EQ(*Run({"--detach", "--cd", "there", "true"}), kExitOk);
  for (const char* wrong : {"missing", "file"}) {
    const absl::StatusOr<int> code = Run({"--detach", "--cd", wrong, "true"});
    EXPECT_EQ(ReasonOf(code.status()), reason::kIoError) << wrong;
  }
  std::filesystem::current_path(before);
}

TEST_F(RunCommandTest, AFolderOfTheCallersThatIsGoneIsTold) {
  const TestFolder folder;
  std::filesystem::create_directory(folder / "gone");
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder / "gone");
  EXPECT_EQ(*Run({"--detach", "true"}), kExitOk);
  std::filesystem::remove(folder / "gone");
  EXPECT_EQ(*Run({"--detach", "true"}), kExitOk);
  // Of the second alone.
  EXPECT_EQ(err_.Drain(), "wslm: warning: the present folder no longer exists: starting in the home folder.\n");
  std::filesystem::current_path(before);
}

TEST_F(RunCommandTest, ADaemonThatSaysNothingIsAnError) {
  EXPECT_TRUE(absl::IsInternal(Run({"--detach", "-d", "silent", "true"}).status()));
}

}  // namespace
}  // namespace wslm::cli
