// Errors as wslm makes them: an absl::Status whose message is a sentence for a person, and whose reason and metadata
// are for a program.
//
//   return Error(absl::StatusCode::kNotFound, reason::kDistroNotFound,
//                "There is no distro called 'x'. 'wslm list' shows those there are.", {{"distro", "x"}});
//
// Reasons are the names of wslm.v1.ErrorReason less their prefix. All functions are thread-safe.
#ifndef WSLM_DISTROS_HOST_ERROR_H_
#define WSLM_DISTROS_HOST_ERROR_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace wslm {

namespace reason {
inline constexpr std::string_view kInternal = "INTERNAL";
inline constexpr std::string_view kInvalidArgument = "INVALID_ARGUMENT";
inline constexpr std::string_view kDistroNotFound = "DISTRO_NOT_FOUND";
inline constexpr std::string_view kNoDefaultDistro = "NO_DEFAULT_DISTRO";
inline constexpr std::string_view kDistroExists = "DISTRO_EXISTS";
inline constexpr std::string_view kInvalidName = "INVALID_NAME";
inline constexpr std::string_view kDistroRunning = "DISTRO_RUNNING";
inline constexpr std::string_view kDistroBusy = "DISTRO_BUSY";
inline constexpr std::string_view kDistroBroken = "DISTRO_BROKEN";
inline constexpr std::string_view kDistroProtected = "DISTRO_PROTECTED";
inline constexpr std::string_view kAlreadyThisVersion = "ALREADY_THIS_VERSION";
inline constexpr std::string_view kFileNotFound = "FILE_NOT_FOUND";
inline constexpr std::string_view kFileExists = "FILE_EXISTS";
inline constexpr std::string_view kUnsupportedFormat = "UNSUPPORTED_FORMAT";
inline constexpr std::string_view kCorruptSource = "CORRUPT_SOURCE";
inline constexpr std::string_view kNotADistro = "NOT_A_DISTRO";
inline constexpr std::string_view kDiskFull = "DISK_FULL";
inline constexpr std::string_view kVerificationFailed = "VERIFICATION_FAILED";
inline constexpr std::string_view kCancelled = "CANCELLED";
inline constexpr std::string_view kInterrupted = "INTERRUPTED";
inline constexpr std::string_view kOperationNotFound = "OPERATION_NOT_FOUND";
inline constexpr std::string_view kNotCancellable = "NOT_CANCELLABLE";
inline constexpr std::string_view kSessionNotFound = "SESSION_NOT_FOUND";
inline constexpr std::string_view kUserNotFound = "USER_NOT_FOUND";
inline constexpr std::string_view kStartFailed = "START_FAILED";
inline constexpr std::string_view kRuntimeDied = "RUNTIME_DIED";
inline constexpr std::string_view kHostUnsupported = "HOST_UNSUPPORTED";
inline constexpr std::string_view kKernelUnavailable = "KERNEL_UNAVAILABLE";
inline constexpr std::string_view kUploadNotFound = "UPLOAD_NOT_FOUND";
inline constexpr std::string_view kRequestIdReused = "REQUEST_ID_REUSED";
inline constexpr std::string_view kStaleEtag = "STALE_ETAG";
inline constexpr std::string_view kResyncRequired = "RESYNC_REQUIRED";
inline constexpr std::string_view kPermissionDenied = "PERMISSION_DENIED";
inline constexpr std::string_view kIoError = "IO_ERROR";
inline constexpr std::string_view kShuttingDown = "SHUTTING_DOWN";
inline constexpr std::string_view kNetwork = "NETWORK";
}  // namespace reason

using ErrorMetadata = std::map<std::string, std::string>;

// An error with a reason. `message` is one sentence or more, each with its full stop.
absl::Status Error(absl::StatusCode code, std::string_view reason, std::string_view message,
                   const ErrorMetadata& metadata = {});

// An error from `error` (errno's value, by default errno itself) of `doing` ("cannot open") on `path`:
// "cannot open /x: No such file or directory". ENOSPC and EDQUOT give DISK_FULL, all others IO_ERROR; the canonical
// code follows the errno.
absl::Status ErrnoError(std::string_view doing, std::string_view path);
absl::Status ErrnoError(std::string_view doing, std::string_view path, int error);

// The same status with "context: " before its message; reason and metadata are kept. OK stays OK.
absl::Status WithContext(const absl::Status& status, std::string_view context);

// Empty when there is none.
std::string ReasonOf(const absl::Status& status);
ErrorMetadata MetadataOf(const absl::Status& status);

// `text` with control bytes, and bytes that are not UTF-8, escaped as \xNN: for messages, listings and logs.
std::string Escaped(std::string_view text);

}  // namespace wslm

#endif  // WSLM_DISTROS_HOST_ERROR_H_
