#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/api/address.h"
#include "cli/api/client.h"
#include "cli/api/daemon_launcher.h"
#include "cli/api/rpc_status.h"
#include "cli/testing/fake_daemon.h"
#include "distros/host/error.h"
#include "distros/host/test_folder.h"
#include "google/rpc/error_details.pb.h"

namespace wslm::cli {
namespace {

using ::testing::ElementsAre;

TEST(RpcStatus, CarriesTheReasonOfTheStatusDetails) {
  google::rpc::Status details;
  details.set_code(5);
  google::rpc::ErrorInfo info;
  info.set_domain("wslm");
  info.set_reason("DISTRO_NOT_FOUND");
  (*info.mutable_metadata())["distro"] = "x";
  details.add_details()->PackFrom(info);
  const absl::Status status =
      FromRpc(grpc::Status(grpc::StatusCode::NOT_FOUND, "There is no distro called 'x'.", details.SerializeAsString()));
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(status.message(), "There is no distro called 'x'.");
  EXPECT_EQ(ReasonOf(status), "DISTRO_NOT_FOUND");
  EXPECT_EQ(MetadataOf(status)["distro"], "x");
}

TEST(RpcStatus, TellsALostConnectionFromADaemonThatCannot) {
  EXPECT_TRUE(IsConnectionLost(grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed")));
  EXPECT_TRUE(IsConnectionLost(grpc::Status(grpc::StatusCode::CANCELLED, "CANCELLED")));
  EXPECT_FALSE(IsConnectionLost(DaemonError(grpc::StatusCode::CANCELLED, "CANCELLED", "It was cancelled.")));
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  info.set_domain("wslm");
  info.set_reason("SHUTTING_DOWN");
  details.add_details()->PackFrom(info);
  EXPECT_FALSE(IsConnectionLost(grpc::Status(grpc::StatusCode::UNAVAILABLE, "", details.SerializeAsString())));
}

TEST(RpcStatus, TellsACallThatTheDaemonDoesNotKnowFromWhatItCannotDo) {
  EXPECT_NE(FromRpc(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "")).message().find("another version"),
            std::string::npos);
  EXPECT_EQ(FromRpc(DaemonError(grpc::StatusCode::UNIMPLEMENTED, "INVALID_ARGUMENT", "Version 1 only.")).message(),
            "Version 1 only.");
}

TEST(RpcStatus, TheNextDaemonMayDoWhatOneThatEndsCannot) {
  EXPECT_TRUE(IsDaemonGone(grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed")));
  EXPECT_TRUE(IsDaemonGone(DaemonError(grpc::StatusCode::UNAVAILABLE, "SHUTTING_DOWN", "It ends.")));
  EXPECT_FALSE(IsDaemonGone(DaemonError(grpc::StatusCode::UNAVAILABLE, "RUNTIME_DIED", "It died.")));
  EXPECT_FALSE(IsDaemonGone(grpc::Status(grpc::StatusCode::INTERNAL, "")));
}

TEST(Address, OfAHostIsAUnixSocket) {
  EXPECT_EQ(*SocketPathOfHost("unix:///run/x.sock"), "/run/x.sock");
  EXPECT_EQ(*SocketPathOfHost("unix:/run/x.sock"), "/run/x.sock");
  for (const char* bad : {"ssh://host", "tcp://1.2.3.4:5", "unix://relative", "/run/x.sock", "x"}) {
    EXPECT_EQ(ReasonOf(SocketPathOfHost(bad).status()), reason::kInvalidArgument) << bad;
  }
}

TEST(Address, WhereNothingListensIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(ConnectSocket("/no/such/socket").status()));
}

TEST(Address, AnotherUsersProcessIsNotSpokenTo) {
  const TestFolder folder;
  const HungProcess listener("anybody", folder / "socket", /*heeds=*/true);
  EXPECT_TRUE(ConnectSocket(folder / "socket").ok());
  const absl::Status status = ConnectSocket(folder / "socket", geteuid() + 1).status();
  EXPECT_EQ(ReasonOf(status), reason::kPermissionDenied) << status;
}

TEST(Version, IsComparedByNumbers) {
  EXPECT_TRUE(IsOlderVersion("0.9.0", "0.10.0"));
  EXPECT_TRUE(IsOlderVersion("0.1", "0.1.1"));
  EXPECT_FALSE(IsOlderVersion("1.0.0", "1.0.0"));
  EXPECT_FALSE(IsOlderVersion("1.2.0", "1.1.9"));
}

TEST(DaemonEnvironment, KeepsOnlyWhatADaemonNeeds) {
  const char* environment[] = {
      "HOME=/h", "WSLM_HOME=/w", "WSLM_HOST=unix:/x", "XDG_RUNTIME_DIR=/r", "PATH=/bin", "LC_ALL=C.UTF-8",
      "LANG=de", "SECRET=1",     "HOMEPAGE=x",        "LD_PRELOAD=y",       "WSLM",      nullptr};
  EXPECT_THAT(DaemonEnvironment(environment),
              ElementsAre("HOME=/h", "WSLM_HOME=/w", "XDG_RUNTIME_DIR=/r", "PATH=/bin", "LC_ALL=C.UTF-8", "LANG=de"));
}

}  // namespace
}  // namespace wslm::cli
