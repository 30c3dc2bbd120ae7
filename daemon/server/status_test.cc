#include "daemon/server/status.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <string>

#include "distros/host/error.h"
#include "google/rpc/error_details.pb.h"
#include "wslm/v1/errors.pb.h"

namespace wslm::daemon {
namespace {

google::rpc::Status DetailsOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

TEST(StatusTest, OkStaysOk) { EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok()); }

TEST(StatusTest, AnErrorKeepsItsCodeSentenceReasonAndMetadata) {
  const auto status = ToGrpcStatus(
      Error(absl::StatusCode::kNotFound, reason::kDistroNotFound, "There is no distro 'x'.", {{"distro", "x"}}));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "There is no distro 'x'.");
  const auto details = DetailsOf(status);
  EXPECT_EQ(details.code(), 5);
  EXPECT_EQ(details.message(), "There is no distro 'x'.");
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "DISTRO_NOT_FOUND");
  EXPECT_EQ(info.domain(), "wslm");
  EXPECT_EQ(info.metadata().at("distro"), "x");
  google::rpc::ResourceInfo resource;
  ASSERT_TRUE(details.details(1).UnpackTo(&resource));
  EXPECT_EQ(resource.resource_type(), "wslm.v1.Distro");
  EXPECT_EQ(resource.resource_name(), "x");
}

TEST(StatusTest, AnErrorWithoutAReasonIsInternal) {
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(DetailsOf(ToGrpcStatus(absl::UnknownError("odd"))).details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "INTERNAL");
}

TEST(StatusTest, AMalformedFieldIsNamed) {
  const auto details = DetailsOf(ToGrpcStatus(Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                                                    "host_path must be absolute.", {{"field", "host_path"}})));
  google::rpc::BadRequest request;
  ASSERT_TRUE(details.details(1).UnpackTo(&request));
  EXPECT_EQ(request.field_violations(0).field(), "host_path");
}

TEST(StatusTest, BytesThatAreNoTextAreEscaped) {
  const auto status = ToGrpcStatus(
      Error(absl::StatusCode::kNotFound, reason::kFileNotFound, "No file '\xff\x1b[2J'.", {{"path", "\xff"}}));
  EXPECT_EQ(status.error_message().find('\x1b'), std::string::npos);
  EXPECT_EQ(status.error_message().find('\xff'), std::string::npos);
  EXPECT_FALSE(status.error_details().empty());
}

TEST(StatusTest, AnErrorComesBackFromItsStoredForm) {
  const auto error = Error(absl::StatusCode::kResourceExhausted, reason::kDiskFull, "No room.", {{"path", "/x"}});
  const auto back = FromRpcStatus(ToRpcStatus(error));
  EXPECT_EQ(back.code(), error.code());
  EXPECT_EQ(back.message(), error.message());
  EXPECT_EQ(ReasonOf(back), "DISK_FULL");
  EXPECT_EQ(MetadataOf(back).at("path"), "/x");
}

TEST(StatusTest, TheReasonsOfTheCodeAndOfTheApiAreTheSame) {
  std::set<std::string> api;
  const std::string prefix = "ERROR_REASON_";
  const auto* reasons = v1::ErrorReason_descriptor();
  for (int i = 0; i < reasons->value_count(); ++i) {
    const std::string& name = reasons->value(i)->name();
    ASSERT_EQ(name.compare(0, prefix.size(), prefix), 0) << name;
    if (reasons->value(i)->number() != 0) api.insert(name.substr(prefix.size()));
  }
  std::set<std::string> code;
  std::ifstream header(WSLM_SOURCE_DIR "/distros/host/error.h");
  const std::regex constant(R"re(std::string_view k\w+ = "(\w+)";)re");
  for (std::string line; std::getline(header, line);) {
    std::smatch match;
    if (std::regex_search(line, match, constant)) code.insert(match[1]);
  }
  EXPECT_EQ(code, api);
}

}  // namespace
}  // namespace wslm::daemon
