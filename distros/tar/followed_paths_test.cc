#include "distros/tar/followed_paths.h"

#include "gtest/gtest.h"

namespace wslm {
namespace {

void Came(FollowedPaths& paths, const std::string& path, FileType type, const std::string& target = "") {
  paths.Came({.path = path, .type = type, .symlink_target = target});
}

void Link(FollowedPaths& paths, const std::string& path, const std::string& target) {
  Came(paths, path, FileType::kSymlink, target);
}

TEST(FollowedPaths, WithoutLinksAPathIsItself) {
  FollowedPaths paths;
  for (const char* path : {"", "a", "a/b/c"}) EXPECT_EQ(paths.Follow(path), path);
}

TEST(FollowedPaths, LinksAboveTheLastNameAreFollowed) {
  FollowedPaths paths;
  Link(paths, "lib", "usr/lib");
  Link(paths, "usr/lib/x86", "../lib64/./sub//");
  EXPECT_EQ(paths.Follow("lib/x"), "usr/lib/x");
  EXPECT_EQ(paths.Follow("lib/x86/y/z"), "usr/lib64/sub/y/z");
  EXPECT_EQ(paths.Follow("usr/lib/x86/y"), "usr/lib64/sub/y");
  EXPECT_EQ(paths.Follow("other/lib/x"), "other/lib/x");
  EXPECT_EQ(paths.Follow("library/x"), "library/x");
  // An entry takes a link's place.
  EXPECT_EQ(paths.Follow("lib"), "lib");
  EXPECT_EQ(paths.Follow("lib/x86"), "usr/lib/x86");
}

TEST(FollowedPaths, NoneLeadsOutOfTheTree) {
  FollowedPaths paths;
  Link(paths, "absolute", "/etc");
  Link(paths, "up", "../../../..");
  Link(paths, "d/up", "../../../etc");
  Link(paths, "root", "/");
  EXPECT_EQ(paths.Follow("absolute/passwd"), "etc/passwd");
  EXPECT_EQ(paths.Follow("up/passwd"), "passwd");
  EXPECT_EQ(paths.Follow("d/up/passwd"), "etc/passwd");
  EXPECT_EQ(paths.Follow("root/up/absolute/x"), "etc/x");
}

TEST(FollowedPaths, DotDotIsWhatIsAboveALinksEnd) {
  FollowedPaths paths;
  Link(paths, "a", "deep/down");
  Link(paths, "b", "a/../x");
  EXPECT_EQ(paths.Follow("b/y"), "deep/x/y");
}

TEST(FollowedPaths, ACircleHasNoEnd) {
  FollowedPaths paths;
  Link(paths, "self", "self");
  Link(paths, "below", "below/below");
  Link(paths, "one", "two");
  Link(paths, "two", "one");
  for (const char* path : {"self/x", "below/x", "one/x", "two/y/x"}) EXPECT_EQ(paths.Follow(path), std::nullopt);
  EXPECT_EQ(paths.Follow("other/x"), "other/x");
}

TEST(FollowedPaths, FortyLinksAreFollowedAndNoMore) {
  FollowedPaths paths;
  for (int i = 1; i <= 41; ++i) Link(paths, "l" + std::to_string(i), i == 1 ? "end" : "l" + std::to_string(i - 1));
  EXPECT_EQ(paths.Follow("l40/x"), "end/x");
  EXPECT_EQ(paths.Follow("l41/x"), std::nullopt);
}

TEST(FollowedPaths, TheLastEntryOfANameCounts) {
  FollowedPaths paths;
  Link(paths, "a", "b");
  EXPECT_EQ(paths.Follow("a/x"), "b/x");
  Link(paths, "a", "c");
  EXPECT_EQ(paths.Follow("a/x"), "c/x");
  Came(paths, "a", FileType::kDirectory);
  EXPECT_EQ(paths.Follow("a/x"), "a/x");
}

TEST(FollowedPaths, ALinkGoesWithTheFolderThatItIsIn) {
  FollowedPaths paths;
  Link(paths, "d/link", "/etc");
  Link(paths, "d2/link", "/etc");
  Came(paths, "d", FileType::kDirectory);
  EXPECT_EQ(paths.Follow("d/link/x"), "etc/x");
  Came(paths, "d", FileType::kRegular);
  EXPECT_EQ(paths.Follow("d/link/x"), "d/link/x");
  EXPECT_EQ(paths.Follow("d2/link/x"), "etc/x");
  Link(paths, "d2", "d");
  EXPECT_EQ(paths.Follow("d2/link/x"), "d/link/x");
}

TEST(FollowedPaths, AHardLinkToALinkIsOneToo) {
  FollowedPaths paths;
  Link(paths, "a", "/etc");
  paths.Came({.path = "b", .hard_link_to = "a"});
  EXPECT_EQ(paths.Follow("b/x"), "etc/x");
}

}  // namespace
}  // namespace wslm
