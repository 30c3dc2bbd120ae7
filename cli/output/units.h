// Amounts, times and the API's enumerations as people read them.
#ifndef WSLM_CLI_OUTPUT_UNITS_H_
#define WSLM_CLI_OUTPUT_UNITS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "wslm/v1/distro.pb.h"
#include "wslm/v1/operation.pb.h"

namespace wslm::cli {

// "512 B", "1.5 KiB", "20 GiB".
std::string ShowBytes(int64_t bytes);
// From "64G", "64GB", "64GiB" (all the same: powers of 1024) or bytes without a unit. Error: INVALID_ARGUMENT.
absl::StatusOr<int64_t> ParseBytes(const std::string& text);
// "0.3 s", "12 s", "2 min 5 s", "1 h 3 min".
std::string ShowDuration(absl::Duration duration);
// Local time to the second; "-" when unset.
std::string ShowTime(const google::protobuf::Timestamp& time);

absl::Time ToTime(const google::protobuf::Timestamp& time);

// "Running".
std::string StateName(v1::DistroState state);
// 1 or 2; 0 when unknown.
int VersionNumber(v1::DistroVersion version);
// From "1" or "2"; UNSPECIFIED for all else.
v1::DistroVersion ParseVersion(const std::string& text);
// "import".
std::string KindName(v1::OperationKind kind);
// "running", "done", "failed", "cancelled".
std::string StateName(const v1::Operation& operation);

}  // namespace wslm::cli

#endif  // WSLM_CLI_OUTPUT_UNITS_H_
