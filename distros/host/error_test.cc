#include "distros/host/error.h"

#include <cerrno>

#include "gtest/gtest.h"

namespace wslm {
namespace {

TEST(Error, CarriesItsReasonAndMetadata) {
  const ErrorMetadata metadata = {{"distro", "x"}, {"detail", std::string("a:1\0b\xFF", 6)}, {"", ""}};
  const absl::Status status = Error(absl::StatusCode::kNotFound, reason::kDistroNotFound, "There is no x.", metadata);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "There is no x.");
  EXPECT_EQ(ReasonOf(status), "DISTRO_NOT_FOUND");
  EXPECT_EQ(MetadataOf(status), metadata);
}

TEST(Error, AStatusOfOthersHasNeither) {
  EXPECT_EQ(ReasonOf(absl::InternalError("x")), "");
  EXPECT_TRUE(MetadataOf(absl::OkStatus()).empty());
}

TEST(Error, OfErrnoSaysWhatAndWhereAndWhy) {
  const absl::Status status = ErrnoError("cannot open", "/x\n", ENOENT);
  EXPECT_EQ(status.message(), "cannot open /x\\x0A: No such file or directory");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(status), reason::kIoError);
  EXPECT_EQ(MetadataOf(status)["errno"], "ENOENT");
  EXPECT_EQ(MetadataOf(status)["path"], "/x\n");
}

TEST(Error, AFullDiskHasItsOwnReason) {
  EXPECT_EQ(ReasonOf(ErrnoError("cannot write", "/x", ENOSPC)), reason::kDiskFull);
  EXPECT_EQ(ReasonOf(ErrnoError("cannot write", "/x", EDQUOT)), reason::kDiskFull);
  EXPECT_EQ(ErrnoError("cannot write", "/x", ENOSPC).code(), absl::StatusCode::kResourceExhausted);
}

TEST(Error, ContextComesBeforeTheMessageAndTakesNothingAway) {
  const absl::Status status = WithContext(ErrnoError("cannot open", "/x", EACCES), "import");
  EXPECT_EQ(status.message(), "import: cannot open /x: Permission denied");
  EXPECT_EQ(ReasonOf(status), reason::kIoError);
  EXPECT_EQ(MetadataOf(status)["path"], "/x");
  EXPECT_TRUE(WithContext(absl::OkStatus(), "import").ok());
}

TEST(Escaped, LeavesTextAsItIs) { EXPECT_EQ(Escaped("plain ä 日本 😀 \\ \""), "plain ä 日本 😀 \\ \""); }

TEST(Escaped, ShowsControlBytes) {
  EXPECT_EQ(Escaped("a\x1b[31m\n\t\x7f"), "a\\x1B[31m\\x0A\\x09\\x7F");
  EXPECT_EQ(Escaped(std::string_view("\0", 1)), "\\x00");
  // U+009B is ESC [ to some terminals.
  EXPECT_EQ(Escaped("\xC2\x9B"), "\\xC2\\x9B");
}

TEST(Escaped, ShowsWhatIsNotUtf8) {
  EXPECT_EQ(Escaped("\xFF\xC3"), "\\xFF\\xC3");
  EXPECT_EQ(Escaped("\xC0\x80"), "\\xC0\\x80");                    // overlong
  EXPECT_EQ(Escaped("\xED\xA0\x80"), "\\xED\\xA0\\x80");           // a surrogate
  EXPECT_EQ(Escaped("\xF4\x90\x80\x80"), "\\xF4\\x90\\x80\\x80");  // beyond U+10FFFF
  EXPECT_EQ(Escaped("\xE2\x82"
                    "a"),
            "\\xE2\\x82"
            "a");
}

}  // namespace
}  // namespace wslm
