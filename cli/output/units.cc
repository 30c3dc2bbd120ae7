#include "cli/output/units.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
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

absl::StatusOr<int64_t> ParseBytes(const std::string& text) {
  constexpr std::string_view kUnits = "KMGT";
  const absl::Status wrong = absl::InvalidArgumentError(
      absl::StrCat("A size is a whole number with K, M, G or T behind it, as 64G, not '", Escaped(text), "'."));
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  int64_t bytes = 0;
  if (!absl::SimpleAtoi(text.substr(0, digits), &bytes)) return wrong;
  std::string unit = absl::AsciiStrToUpper(text.substr(digits));
  if (unit.empty() || unit == "B") return bytes;
  const size_t power = kUnits.find(unit[0]);
  unit.erase(0, 1);
  if (power == std::string_view::npos || !(unit.empty() || unit == "B" || unit == "IB")) return wrong;
  const int shift = 10 * (static_cast<int>(power) + 1);
  if (bytes > (INT64_MAX >> shift)) return wrong;
  return bytes << shift;
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
    case v1::DISTRO_STATE_HIBERNATED:
      return "Hibernated";
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
    case v1::DISTRO_STATE_CLONING:
      return "Cloning";
    case v1::DISTRO_STATE_RESIZING:
      return "Resizing";
    case v1::DISTRO_STATE_TRIMMING:
      return "Trimming";
    case v1::DISTRO_STATE_CHECKING:
      return "Checking";
    case v1::DISTRO_STATE_COMPARING:
      return "Comparing";
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
    case v1::OPERATION_KIND_IMPORT_IN_PLACE:
      return "import-in-place";
    case v1::OPERATION_KIND_PULL:
      return "pull";
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
    case v1::OPERATION_KIND_CLONE:
      return "clone";
    case v1::OPERATION_KIND_RESIZE:
      return "resize";
    case v1::OPERATION_KIND_TRIM:
      return "trim";
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
