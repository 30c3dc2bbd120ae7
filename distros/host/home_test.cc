#include "distros/host/home.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <optional>

#include "absl/strings/match.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/test_folder.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

// The environment is as before at the end.
class HomeTest : public testing::Test {
 protected:
  void TearDown() override {
    for (const auto& [name, value] : saved_) {
      if (value) {
        ::setenv(name.c_str(), value->c_str(), 1);
      } else {
        ::unsetenv(name.c_str());
      }
    }
  }

  // Null: not set.
  void Set(const char* name, const char* value) {
    const char* old = std::getenv(name);
    saved_.emplace(name, old != nullptr ? std::optional<std::string>(old) : std::nullopt);
    if (value != nullptr) {
      ::setenv(name, value, 1);
    } else {
      ::unsetenv(name);
    }
  }

  void ClearAll() {
    for (const char* name : {"WSLM_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME",
                             "XDG_RUNTIME_DIR", "WSLM_LIBEXEC"}) {
      Set(name, nullptr);
    }
  }

  const TestFolder folder_;
  std::map<std::string, std::optional<std::string>> saved_;
};

TEST_F(HomeTest, WslmHomeHoldsAllFive) {
  ClearAll();
  Set("WSLM_HOME", "/somewhere/");
  const Home home = *Home::FromEnvironment();
  EXPECT_EQ(home.data, "/somewhere/data");
  EXPECT_EQ(home.config, "/somewhere/config");
  EXPECT_EQ(home.state, "/somewhere/state");
  EXPECT_EQ(home.cache, "/somewhere/cache");
  EXPECT_EQ(home.run, "/somewhere/run");
  EXPECT_EQ(home.DaemonSocket(), "/somewhere/run/wslmd.sock");
}

TEST_F(HomeTest, ARelativeWslmHomeIsRefused) {
  ClearAll();
  Set("WSLM_HOME", "relative");
  EXPECT_EQ(ReasonOf(Home::FromEnvironment().status()), reason::kInvalidArgument);
}

TEST_F(HomeTest, ElseTheXdgFoldersAndTheirDefaults) {
  ClearAll();
  Set("HOME", "/home/ann");
  Set("XDG_DATA_HOME", "/data");
  Set("XDG_CONFIG_HOME", "relative paths do not count");
  Set("XDG_RUNTIME_DIR", folder_.path().c_str());
  const Home home = *Home::FromEnvironment();
  EXPECT_EQ(home.data, "/data/wslm");
  EXPECT_EQ(home.config, "/home/ann/.config/wslm");
  EXPECT_EQ(home.state, "/home/ann/.local/state/wslm");
  EXPECT_EQ(home.cache, "/home/ann/.cache/wslm");
  EXPECT_EQ(home.run, folder_ / "wslm");
}

TEST_F(HomeTest, WithoutHomeThePasswordDatabaseTells) {
  ClearAll();
  Set("HOME", nullptr);
  const absl::StatusOr<Home> home = Home::FromEnvironment();
  ASSERT_TRUE(home.ok()) << home.status();
  EXPECT_TRUE(absl::EndsWith(home->data, "/.local/share/wslm"));
}

TEST_F(HomeTest, ARuntimeFolderThatIsNotTheUsersDoesNotCount) {
  ClearAll();
  Set("HOME", "/home/ann");
  Set("XDG_RUNTIME_DIR", "/nowhere");
  EXPECT_FALSE(absl::StartsWith(Home::FromEnvironment()->run, "/nowhere"));
}

TEST_F(HomeTest, CreateMakesPrivateFolders) {
  ClearAll();
  Set("WSLM_HOME", (folder_ / "deep/home").c_str());
  const Home home = *Home::FromEnvironment();
  ASSERT_TRUE(home.Create().ok());
  ASSERT_TRUE(home.Create().ok());
  for (const std::string& path : {home.data, home.config, home.state, home.cache, home.run}) {
    struct stat st;
    ASSERT_EQ(::stat(path.c_str(), &st), 0) << path;
    EXPECT_EQ(st.st_mode & 07777, 0700u) << path;
  }
}

TEST_F(HomeTest, ARunFolderThatOthersMayEnterOrThatIsALinkIsRefused) {
  ClearAll();
  Set("WSLM_HOME", folder_.path().c_str());
  const Home home = *Home::FromEnvironment();
  ASSERT_TRUE(MakeFolders(home.run).ok());
  ASSERT_EQ(::chmod(home.run.c_str(), 0755), 0);
  EXPECT_EQ(ReasonOf(home.Create()), reason::kPermissionDenied);
  ASSERT_EQ(::rmdir(home.run.c_str()), 0);
  ASSERT_TRUE(MakeFolders(folder_ / "elsewhere").ok());
  ASSERT_EQ(::symlink("elsewhere", home.run.c_str()), 0);
  EXPECT_EQ(ReasonOf(home.Create()), reason::kPermissionDenied);
}

TEST_F(HomeTest, SocketsOfADeepFolderLieInAShortOneThatCreateMakes) {
  ClearAll();
  Set("WSLM_HOME", (folder_ / std::string(120, 'd')).c_str());
  const Home home = *Home::FromEnvironment();
  ASSERT_TRUE(home.Create().ok());
  const std::string daemon = home.DaemonSocket();
  const std::string instance = home.SocketPath("v1/0f7c1c6e-5d3b-4f0e-9a55-3d2c1b0a9f8e/control.sock");
  EXPECT_LE(daemon.size(), 107u);
  EXPECT_LE(instance.size(), 107u);
  EXPECT_LE(home.SocketPath(std::string(300, 'x')).size(), 107u);
  EXPECT_NE(daemon, instance);
  EXPECT_TRUE(absl::StartsWith(daemon, "/tmp/wslm-"));
  EXPECT_EQ(ParentPath(daemon), ParentPath(instance));
  struct stat st;
  ASSERT_EQ(::stat(ParentPath(daemon).c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0700u);
  Home other = home;
  other.run += "2";
  EXPECT_NE(other.DaemonSocket(), daemon);
  EXPECT_EQ(::rmdir(ParentPath(daemon).c_str()), 0);
}

TEST_F(HomeTest, ProgramsAreFoundInLibexecAndBesideTheExecutable) {
  ClearAll();
  EXPECT_EQ(ProgramPath("no-such-program"), "");
  char self[4096];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof(self));
  ASSERT_GT(length, 0);
  const std::string executable(self, static_cast<size_t>(length));
  EXPECT_EQ(ProgramPath(BaseName(executable)), executable);
  ASSERT_TRUE(WriteFileAtomically(folder_ / "wslmd", "", 0755).ok());
  ASSERT_TRUE(WriteFileAtomically(folder_ / "no-program", "", 0644).ok());
  Set("WSLM_LIBEXEC", folder_.path().c_str());
  EXPECT_EQ(ProgramPath("wslmd"), folder_ / "wslmd");
  EXPECT_EQ(ProgramPath("no-program"), "");
}

}  // namespace
}  // namespace wslm
