// Tells a file from what replaces it, without reading it.
#ifndef WSLM_RUNTIME_V2_HOST_FILE_IDENTITY_H_
#define WSLM_RUNTIME_V2_HOST_FILE_IDENTITY_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace wslm {

// A line that is another when the file at `path` was replaced or written to. Error: NOT_FOUND. Thread-safe.
absl::StatusOr<std::string> FileIdentity(const std::string& path);

// A short name, 32 hexadecimal digits, for what is kept of something with that identity. Thread-safe.
std::string NameOfIdentity(std::string_view identity);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_FILE_IDENTITY_H_
