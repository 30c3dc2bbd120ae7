#include "distros/tree/limits.h"

#include "distros/host/error.h"
#include "distros/tree/test_tree.h"
#include "distros/tree/transfer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

absl::Status Move(std::vector<TestFile> files, const Limits& limits) {
  TestSource source(std::move(files));
  TestSink sink;
  const absl::Status status = Transfer(source, sink, {.limits = limits}).status();
  EXPECT_EQ(sink.committed, status.ok());
  return status;
}

void ExpectExceeded(const absl::Status& status, const std::string& limit, const std::string& value,
                    std::string_view reason = reason::kUnsupportedFormat) {
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(ReasonOf(status), reason);
  EXPECT_EQ(MetadataOf(status)["limit"], limit);
  EXPECT_EQ(MetadataOf(status)["value"], value);
}

TEST(Limits, ATreeWithinThemPasses) {
  EXPECT_EQ(Move({Folder(""), File("a", "content"), HardLink("b", "a"), Symlink("c", "a")}, {}), absl::OkStatus());
}

TEST(Limits, EachIsNamedWithItsValueAndTheWayOut) {
  ExpectExceeded(Move({File("a", ""), File("b", ""), File("c", "")}, {.entries = 2}), "entries", "3");
  ExpectExceeded(Move({File("abcdef", "")}, {.path_bytes = 5}), "path_bytes", "6");
  ExpectExceeded(Move({File("a/b/c", "")}, {.path_depth = 2}), "path_depth", "3");
  ExpectExceeded(Move({File("abc/abcd", "")}, {.name_bytes = 3}), "name_bytes", "4");
  ExpectExceeded(Move({File("abc", ""), Symlink("de", "fgh")}, {.text_bytes = 7}), "text_bytes", "8");
  ExpectExceeded(Move({File("a", "12345")}, {.file_bytes = 4}), "file_bytes", "5");
  ExpectExceeded(Move({File("a", "123"), File("b", "456")}, {.total_bytes = 5}), "total_bytes", "6");
  ExpectExceeded(Move({File("a", ""), HardLink("b", "a"), HardLink("c", "a")}, {.hard_links = 2}), "hard_links", "3");
  ExpectExceeded(Move({File("a", "123"), File("b", "456")}, {.free_bytes = 5}), "free_bytes", "6", reason::kDiskFull);
  TestFile file = File("a", "");
  file.entry.xattrs = {{"user.a", "12"}, {"user.b", "34"}};
  ExpectExceeded(Move({file}, {.xattrs = 1}), "xattrs", "2");
  ExpectExceeded(Move({file}, {.xattr_bytes = 15}), "xattr_bytes", "16");
  const absl::Status status = Move({File("a", ""), File("b\n", "")}, {.entries = 1});
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("'b\\x0A'"), HasSubstr("'entries' of 1"), HasSubstr("raise that limit")));
}

TEST(Limits, ContentBeyondTheSourcesOwnBytesIsABombAboveTheFloorOnly) {
  // TestSource's own form has a byte for each entry.
  const std::vector<TestFile> bomb = {File("a", std::string(1000, 'x'))};
  EXPECT_EQ(Move(bomb, {.expansion = 100, .expansion_floor = 1000}), absl::OkStatus());
  ExpectExceeded(Move(bomb, {.expansion = 100, .expansion_floor = 999}), "expansion", "1000", reason::kCorruptSource);
}

TEST(Limits, HolesCountForTheSizesButNotForTheDiskAndTheExpansion) {
  TestFile sparse = File("a", "data");
  sparse.entry.size = 1'000'000;
  sparse.entry.extents = {{0, 4}};
  EXPECT_EQ(Move({sparse}, {.expansion = 10, .expansion_floor = 1, .free_bytes = 10}), absl::OkStatus());
  ExpectExceeded(Move({sparse}, {.file_bytes = 999'999}), "file_bytes", "1000000");
}

TEST(Limits, SumsDoNotWrapAround) {
  TestFile huge = File("a", "");
  huge.entry.size = INT64_MAX;
  huge.entry.extents.emplace();
  TestFile more = huge;
  more.entry.path = "b";
  EXPECT_EQ(Move({huge, more}, {.file_bytes = INT64_MAX, .total_bytes = INT64_MAX}), absl::OkStatus());
  ExpectExceeded(Move({huge, more}, {.file_bytes = INT64_MAX}), "total_bytes", std::to_string(INT64_MAX));
}

TEST(Limits, AreReadFromText) {
  EXPECT_EQ(*ParseLimits({}), Limits());
  const absl::StatusOr<Limits> limits =
      ParseLimits({{"entries", "7"}, {"file_bytes", "3 GiB"}, {"total_bytes", "1TiB"}, {"xattr_bytes", "2KiB"}});
  ASSERT_TRUE(limits.ok()) << limits.status();
  EXPECT_EQ(
      *limits,
      (Limits{.entries = 7, .xattr_bytes = 2048, .file_bytes = int64_t{3} << 30, .total_bytes = int64_t{1} << 40}));
}

TEST(Limits, TextThatIsNoneIsRefusedByName) {
  for (const char* text :
       {"", "0", "-1", "1.5", "x", "1 ", "1  KiB", "1 kb", "KiB", "9999999999999999999", "9000000 TiB"}) {
    const absl::Status status = ParseLimits({{"entries", text}}).status();
    EXPECT_EQ(ReasonOf(status), reason::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("'entries'"));
  }
  EXPECT_EQ(ReasonOf(ParseLimits({{"name_bytes", "256"}}).status()), reason::kInvalidArgument);
  const absl::Status unknown = ParseLimits({{"entrys", "5"}}).status();
  EXPECT_THAT(std::string(unknown.message()), AllOf(HasSubstr("'entrys'"), HasSubstr("total_bytes")));
}

}  // namespace
}  // namespace wslm
