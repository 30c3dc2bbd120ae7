#include "cli/output/units.h"

#include <array>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/api/rpc_status.h"
#include "distros/host/error.h"

namespace wslm::cli {

std::string ShowBytes(int64_t bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  constexpr std::array<std::string_view, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double amount = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; amount >= 1023.5 && unit + 1 < kUnits.size(); ++unit) amount /= 1024;
  if (amount < 9.95) return absl::StrFormat("%.1f %s", amount, kUnits[unit]);
  return absl::StrFormat("%.0f %s", amount, kUnits[unit]);
}

std::string ShowDuration(absl::Duration duration) {
  if (duration < absl::ZeroDuration()) duration = absl::ZeroDuration();
  const double seconds = absl::ToDoubleSeconds(duration);
  if (seconds < 9.95) return absl::StrFormat("%.1f s", seconds);
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  if (whole < 60) return absl::StrCat(whole, " s");
  if (whole < 3600) return absl::StrCat(whole / 60, " min ", whole % 60, " s");
  return absl::StrCat(whole / 3600, " h ", whole / 60 % 60, " min");
}

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

std::string ShowTime(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", ToTime(time), absl::LocalTimeZone());
}

std::string StateName(v1::DistroState state) {
  switch (state) {
    case v1::DISTRO_STATE_STOPPED:
      return "Stopped";
    case v1::DISTRO_STATE_STARTING:
      return "Starting";
    case v1::DISTRO_STATE_RUNNING:
      return "Running";
    case v1::DISTRO_STATE_STOPPING:
      return "Stopping";
    case v1::DISTRO_STATE_INSTALLING:
      return "Installing";
    case v1::DISTRO_STATE_CONVERTING:
      return "Converting";
    case v1::DISTRO_STATE_EXPORTING:
      return "Exporting";
    case v1::DISTRO_STATE_DELETING:
      return "Uninstalling";
    case v1::DISTRO_STATE_BROKEN:
      return "Broken";
    default:
      return "Unknown";
  }
}

int VersionNumber(v1::DistroVersion version) {
  switch (version) {
    case v1::DISTRO_VERSION_1:
      return 1;
    case v1::DISTRO_VERSION_2:
      return 2;
    default:
      return 0;
  }
}

v1::DistroVersion ParseVersion(const std::string& text) {
  if (text == "1") return v1::DISTRO_VERSION_1;
  if (text == "2") return v1::DISTRO_VERSION_2;
  return v1::DISTRO_VERSION_UNSPECIFIED;
}

std::string KindName(v1::OperationKind kind) {
  switch (kind) {
    case v1::OPERATION_KIND_IMPORT:
      return "import";
    case v1::OPERATION_KIND_EXPORT:
      return "export";
    case v1::OPERATION_KIND_CONVERT:
      return "convert";
    case v1::OPERATION_KIND_DELETE:
      return "unregister";
    case v1::OPERATION_KIND_CHECK:
      return "check";
    case v1::OPERATION_KIND_COMPARE:
      return "compare";
    case v1::OPERATION_KIND_PUSH:
      return "push";
    default:
      return "operation";
  }
}

std::string StateName(const v1::Operation& operation) {
  switch (operation.state()) {
    case v1::OPERATION_STATE_PENDING:
      return "waiting";
    case v1::OPERATION_STATE_RUNNING:
      return "running";
    case v1::OPERATION_STATE_CANCELLING:
      return "rolling back";
    case v1::OPERATION_STATE_DONE:
      if (!operation.has_error()) return "done";
      return ReasonOf(FromResult(operation.error())) == reason::kCancelled ? "cancelled" : "failed";
    default:
      return "unknown";
  }
}

}  // namespace wslm::cli
