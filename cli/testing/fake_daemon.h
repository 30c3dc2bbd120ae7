// A gRPC server on a socket of its own, for tests of what speaks to a daemon.
#ifndef WSLM_CLI_TESTING_FAKE_DAEMON_H_
#define WSLM_CLI_TESTING_FAKE_DAEMON_H_

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cli/api/client.h"
#include "cli/api/daemon_launcher.h"
#include "distros/host/home.h"
#include "distros/host/unique_fd.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "wslm/v1/system.grpc.pb.h"

namespace wslm::cli {

class FakeDaemon {
 public:
  explicit FakeDaemon(const std::vector<grpc::Service*>& services) {
    char folder[] = "/tmp/wslm-cli-test-XXXXXX";
    folder_ = mkdtemp(folder);
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket(), grpc::InsecureServerCredentials());
    builder.RegisterService(&system_);
    for (grpc::Service* service : services) builder.RegisterService(service);
    server_ = builder.BuildAndStart();
  }
  ~FakeDaemon() {
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
    unlink(socket().c_str());
    rmdir(folder_.c_str());
  }

  std::string socket() const { return folder_ + "/socket"; }
  // Connects there, and starts nothing.
  std::unique_ptr<Client> MakeClient() const { return std::make_unique<Client>(socket(), DaemonLauncher(Home(), "")); }

 private:
  class System : public v1::SystemService::Service {
    grpc::Status GetInfo(grpc::ServerContext*, const v1::GetInfoRequest*, v1::GetInfoResponse* response) override {
      response->set_version(WSLM_VERSION);
      return grpc::Status::OK;
    }
  };

  std::string folder_;
  System system_;
  std::unique_ptr<grpc::Server> server_;
};

// An error as the daemon sends it.
inline grpc::Status DaemonError(grpc::StatusCode code, const std::string& reason, const std::string& message) {
  google::rpc::ErrorInfo info;
  info.set_domain("wslm");
  info.set_reason(reason);
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  details.add_details()->PackFrom(info);
  return grpc::Status(code, message, details.SerializeAsString());
}

// A pipe; what was written can be read at the end.
class Pipe {
 public:
  Pipe() {
    int fds[2];
    EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
    reader.Reset(fds[0]);
    writer.Reset(fds[1]);
  }
  // Closes the writing end and reads all.
  std::string Drain() {
    writer.Reset();
    std::string text;
    std::string buffer(64 << 10, '\0');
    for (ssize_t got; (got = read(reader.get(), buffer.data(), buffer.size())) > 0;) {
      text.append(buffer.data(), static_cast<size_t>(got));
    }
    return text;
  }

  UniqueFd reader;
  UniqueFd writer;
};

// A process called `name` that listens at `socket` and answers nobody; SIGKILL ends it at the latest, and SIGTERM when
// it `heeds` that.
class HungProcess {
 public:
  HungProcess(const char* name, const std::string& socket, bool heeds) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket.copy(address.sun_path, sizeof(address.sun_path) - 1);
    Pipe listens;
    pid_ = fork();
    if (pid_ == 0) {
      signal(SIGTERM, heeds ? SIG_DFL : SIG_IGN);
      prctl(PR_SET_NAME, name);
      const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
      listen(fd, 5);
      write(listens.writer.get(), "", 1);
      while (true) pause();
    }
    char byte;
    EXPECT_EQ(read(listens.reader.get(), &byte, 1), 1);
  }
  ~HungProcess() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  HungProcess(const HungProcess&) = delete;
  HungProcess& operator=(const HungProcess&) = delete;

  pid_t pid() const { return pid_; }
  // Whether it has ended.
  bool gone() const {
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_;
  }

 private:
  pid_t pid_ = -1;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_TESTING_FAKE_DAEMON_H_
