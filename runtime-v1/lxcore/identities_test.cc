#include "runtime-v1/lxcore/identities.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "runtime-v1/lxcore/shared_state.h"

namespace wslm::lxcore {
namespace {

Credentials Ann() {
  Credentials c;
  EXPECT_EQ(SetResGid(c, 1000, 1000, 1000), 0);
  EXPECT_EQ(SetResUid(c, 1000, 1000, 1000), 0);
  return c;
}

class IdentitiesTest : public ::testing::Test {
 protected:
  ~IdentitiesTest() override { ::prctl(PR_SET_TIMERSLACK, kDefaultSlack, 0, 0, 0); }

  UniqueFd proc_{::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC)};
  Identities identities_{proc_.get()};
};

TEST_F(IdentitiesTest, ASlackThatIsNoneOfOursIsNobodys) {
  for (const uint64_t slack : {uint64_t{1}, kDefaultSlack, kFirstSlack + 2, uint64_t{4'000'000'000}}) {
    ASSERT_EQ(::prctl(PR_SET_TIMERSLACK, slack, 0, 0, 0), 0);
    EXPECT_TRUE(Identities::IsNobody(identities_.Of(::gettid()))) << slack;
    EXPECT_TRUE(Identities::IsNobody(*identities_.OfProcDirectory(proc_.get(), "self"))) << slack;
  }
  EXPECT_TRUE(Identities::IsNobody(identities_.Of(INT32_MAX))) << "a thread that is gone";
  ASSERT_EQ(::prctl(PR_SET_TIMERSLACK, kFirstSlack, 0, 0, 0), 0);
  EXPECT_EQ(identities_.Of(::gettid()), Credentials{});
}

TEST_F(IdentitiesTest, NobodyHasNoRightsAndGetsNone) {
  Credentials c = identities_.Of(INT32_MAX);
  EXPECT_EQ(c.permitted, 0u);
  EXPECT_EQ(SetUid(c, 0), EPERM);
  EXPECT_EQ(AfterExec(c, {S_IFREG | 06755, 0, 0}).credentials, c);
}

TEST_F(IdentitiesTest, AThreadHasThoseOfItsCreatorUntilItGetsItsOwn) {
  ASSERT_EQ(identities_.Assign(::gettid(), Ann()), 0);
  std::thread([this] {
    EXPECT_EQ(identities_.Of(::gettid()), Ann());
    EXPECT_EQ(identities_.Assign(::gettid(), Credentials{}), 0);
    EXPECT_EQ(identities_.Of(::gettid()), Credentials{});
  }).join();
  EXPECT_EQ(identities_.Of(::gettid()), Ann());
}

TEST_F(IdentitiesTest, TheNextLxcoreKnowsThemToo) {
  const SharedState state = *SharedState::Make();
  Credentials ann = Ann();
  ann.groups = {4, 1000, 70000};
  ann.no_new_privs = true;
  {
    KeptLog kept(state->kept);
    Identities first(proc_.get(), &kept);
    ASSERT_EQ(first.Assign(::gettid(), Ann()), 0);
    ASSERT_EQ(first.Assign(::gettid(), ann), 0);
  }
  KeptLog kept(state->kept);
  Identities next(proc_.get(), &kept);
  EXPECT_EQ(next.Of(::gettid()), ann);
  // An exec that lxcore had said yes to: the program is another, so it is not done.
  struct stat other;
  ASSERT_EQ(::stat("/bin/sh", &other), 0);
  ASSERT_EQ(next.AssignAtExec(::gettid(), Credentials{}, other.st_dev, other.st_ino), 0);
  KeptLog kept_again(state->kept);
  Identities third(proc_.get(), &kept_again);
  EXPECT_EQ(third.OfHostProcess("self"), ann);
  EXPECT_EQ(third.Of(::gettid()), ann);
}

TEST_F(IdentitiesTest, ACallThatBecameWhatItWasToIsAnsweredNotRepeated) {
  Journal journal = {};
  EXPECT_EQ(identities_.AnswerOf(::gettid(), journal), std::nullopt);
  ASSERT_EQ(identities_.Assign(::gettid(), Ann(), journal, 7), 0);
  EXPECT_EQ(identities_.AnswerOf(::gettid(), journal), 7);
  ASSERT_EQ(identities_.Assign(::gettid(), Credentials{}), 0);
  EXPECT_EQ(identities_.AnswerOf(::gettid(), journal), std::nullopt);
}

TEST_F(IdentitiesTest, AnExecThatIsNotDoneGivesNothing) {
  struct stat program, own;
  ASSERT_EQ(::stat("/bin/sleep", &program), 0);
  ASSERT_EQ(::stat("/proc/self/exe", &own), 0);
  for (const struct stat& file : {program, own}) {
    ASSERT_EQ(identities_.Assign(::gettid(), Ann()), 0);
    ASSERT_EQ(identities_.AssignAtExec(::gettid(), Credentials{}, file.st_dev, file.st_ino), 0);
    // Inherited before lxcore hears of the thread again.
    std::thread([this] {
      EXPECT_EQ(*identities_.OfProcDirectory(proc_.get(), std::to_string(::gettid())), Ann());
      EXPECT_EQ(identities_.Of(::gettid()), Ann());
    }).join();
    EXPECT_EQ(identities_.Of(::gettid()), Ann());
  }
}

TEST_F(IdentitiesTest, AnExecThatIsDoneGivesWhatItShould) {
  struct stat program;
  ASSERT_EQ(::stat("/bin/sleep", &program), 0);
  ASSERT_EQ(identities_.Assign(::gettid(), Ann()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (identities_.AssignAtExec(::getpid(), Credentials{}, program.st_dev, program.st_ino) != 0) ::_exit(1);
    ::execl("/bin/sleep", "sleep", "60", nullptr);
    ::_exit(1);
  }
  // The same tables as the child made in its copy.
  ASSERT_EQ(identities_.AssignAtExec(::gettid(), Credentials{}, program.st_dev, program.st_ino), 0);
  const std::string exe = "/proc/" + std::to_string(child) + "/exe";
  struct stat running = {};
  for (int i = 0; i < 1000 && running.st_ino != program.st_ino; ++i) {
    ::usleep(10'000);
    ASSERT_EQ(::stat(exe.c_str(), &running), 0);
  }
  const auto seen = identities_.OfProcDirectory(proc_.get(), std::to_string(child));
  const Credentials settled = identities_.Of(child);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  if (!seen) GTEST_SKIP() << "another process' slack needs CAP_SYS_NICE";
  EXPECT_EQ(*seen, Credentials{});
  EXPECT_EQ(settled, Credentials{});
}

}  // namespace
}  // namespace wslm::lxcore
