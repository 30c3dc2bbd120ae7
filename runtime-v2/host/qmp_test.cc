#include "runtime-v2/host/qmp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "distros/host/error.h"
#include "runtime-v2/host/vm_state.h"

namespace wslm {
namespace {

// A QEMU of few words.
class FakeQemu {
 public:
  FakeQemu() : path_(testing::TempDir() + "/qmp_test-" + std::to_string(::getpid())) {
    ::unlink(path_.c_str());
    listener_.Reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    thread_ = std::thread([this] { Serve(); });
  }
  ~FakeQemu() {
    thread_.join();
    ::unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }
  bool got_descriptor() const { return got_descriptor_; }
  // Of a migration, in order; when nobody is connected any more.
  const std::vector<std::string>& migrating() const { return migrating_; }

 private:
  void Say(int fd, const std::string& text) { EXPECT_GT(::send(fd, text.data(), text.size(), MSG_NOSIGNAL), 0); }

  // Answers "twice" with its argument doubled, "silence" never, "bye" by hanging up; speaks of an event before each.
  void Serve() {
    const UniqueFd client(::accept(listener_.get(), nullptr, nullptr));
    Say(client.get(), R"({"QMP": {"version": {}, "capabilities": []}})"
                      "\r\n");
    std::string buffer;
    while (true) {
      char chunk[4096];
      iovec part{chunk, sizeof chunk};
      alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
      msghdr message{};
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      const ssize_t count = ::recvmsg(client.get(), &message, MSG_CMSG_CLOEXEC);
      if (count <= 0) return;
      if (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
        const UniqueFd received(fd);
        struct stat status {};
        got_descriptor_ = ::fstat(received.get(), &status) == 0;
      }
      buffer.append(chunk, static_cast<size_t>(count));
      for (size_t end = 0; (end = buffer.find('\n')) != std::string::npos; buffer.erase(0, end + 1)) {
        if (!Answer(client.get(), Json::parse(buffer.substr(0, end)))) return;
      }
    }
  }

  bool Answer(int fd, const Json& request) {
    const std::string command = request["execute"];
    if (command == "bye") return false;
    if (command == "silence") return true;
    Json answer = {{"id", request["id"]}};
    if (command == "twice") {
      answer["return"] = {{"n", request["arguments"]["n"].get<int>() * 2}};
    } else if (command.find("migrat") != std::string::npos) {
      AnswerMigration(command, answer);
    } else if (command == "qmp_capabilities" || command == "take" || command == "getfd") {
      answer["return"] = Json::object();
    } else {
      answer["error"] = {{"class", "CommandNotFound"}, {"desc", "The command " + command + " has not been found"}};
    }
    // In pieces, as a stream may bring them.
    const std::string text = R"({"event": "STOP", "data": {"why": "no reason"}})"
                             "\r\n" +
                             answer.dump() + "\r\n";
    Say(fd, text.substr(0, 10));
    Say(fd, text.substr(10));
    return true;
  }

  // Of one that nothing is known of until it is cancelled, which takes a while.
  void AnswerMigration(const std::string& command, Json& answer) {
    migrating_.push_back(command);
    if (command != "query-migrate") {
      answer["return"] = Json::object();
    } else if (const auto asked = std::count(migrating_.begin(), migrating_.end(), command); asked == 1) {
      answer["error"] = {{"class", "GenericError"}, {"desc", "Not now"}};
    } else {
      answer["return"] = {{"status", asked == 2 ? "cancelling" : "cancelled"}};
    }
  }

  const std::string path_;
  UniqueFd listener_;
  std::atomic<bool> got_descriptor_ = false;
  std::vector<std::string> migrating_;
  std::thread thread_;
};

TEST(QmpTest, RunsCommandsAndPassesEvents) {
  FakeQemu qemu;
  std::atomic<int> events = 0;
  {
    auto qmp = Qmp::Connect(qemu.path(), absl::Seconds(5), [&](const Qmp::Event& event) {
      if (event.name == "STOP" && JsonText(event.data, "why") == "no reason") ++events;
    });
    ASSERT_TRUE(qmp.ok()) << qmp.status();
    const auto answer = (*qmp)->Execute("twice", {{"n", 21}});
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ((*answer)["n"], 42);
    EXPECT_EQ(events, 2);
    const auto wrong = (*qmp)->Execute("dance", Json::object());
    EXPECT_THAT(std::string(wrong.status().message()), testing::HasSubstr("dance has not been found"));
    EXPECT_FALSE(qemu.got_descriptor());
    EXPECT_TRUE((*qmp)->Execute("take", Json::object(), STDIN_FILENO).ok());
    EXPECT_TRUE(qemu.got_descriptor());
  }
}

TEST(QmpTest, DoesNotWaitForEver) {
  FakeQemu qemu;
  auto qmp = Qmp::Connect(qemu.path(), absl::Seconds(5), [](const Qmp::Event&) {});
  ASSERT_TRUE(qmp.ok()) << qmp.status();
  EXPECT_TRUE(
      absl::IsDeadlineExceeded((*qmp)->Execute("silence", Json::object(), -1, absl::Milliseconds(50)).status()));
}

TEST(QmpTest, TellsThatQemuHungUp) {
  FakeQemu qemu;
  std::atomic<bool> ended = false;
  auto qmp = Qmp::Connect(qemu.path(), absl::Seconds(5), [&](const Qmp::Event& event) {
    if (event.name.empty()) ended = true;
  });
  ASSERT_TRUE(qmp.ok()) << qmp.status();
  EXPECT_EQ(ReasonOf((*qmp)->Execute("bye", Json::object()).status()), reason::kRuntimeDied);
  qmp->reset();
  EXPECT_TRUE(ended);
}

TEST(VmStateTest, ASaveThatFailsIsCancelledAndOverWhenItReturns) {
  FakeQemu qemu;
  {
    auto qmp = Qmp::Connect(qemu.path(), absl::Seconds(5), [](const Qmp::Event&) {});
    ASSERT_TRUE(qmp.ok()) << qmp.status();
    EXPECT_THAT(std::string(SaveVmState(**qmp, STDIN_FILENO).message()), testing::HasSubstr("Not now"));
  }
  EXPECT_THAT(qemu.migrating(), testing::ElementsAre("migrate-set-capabilities", "migrate", "query-migrate",
                                                     "migrate_cancel", "query-migrate", "query-migrate"));
}

TEST(QmpTest, GivesUpOnASocketThatWillNotCome) {
  EXPECT_TRUE(
      absl::IsUnavailable(Qmp::Connect(
                              "/nowhere/qmp.sock", absl::Minutes(5), [](const Qmp::Event&) {}, [] { return true; })
                              .status()));
}

}  // namespace
}  // namespace wslm
