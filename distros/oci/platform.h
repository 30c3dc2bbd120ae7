// For which machine a container image is: "linux/amd64", "linux/arm/v7". Thread-safe.
#ifndef WSLM_DISTROS_OCI_PLATFORM_H_
#define WSLM_DISTROS_OCI_PLATFORM_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace wslm {

// A system that an image runs on, in the words of the OCI image specification, which are Go's: "linux", "amd64",
// "arm64", ...
struct Platform {
  std::string os;
  std::string architecture;
  // Of the architecture ("v8", "v7"); empty: any, or none said.
  std::string variant;

  // "linux/arm64", "linux/arm/v7".
  std::string ToString() const;
};

// Linux on this machine's processor.
Platform HostPlatform();

// "linux/arm64", "arm64", "linux/arm/v7"; the names that Linux has for architectures (x86_64, aarch64) too. Error:
// INVALID_ARGUMENT.
absl::StatusOr<Platform> ParsePlatform(std::string_view text);

// How well an image for `offered` serves `wanted`: 0 not at all, else more is better.
int PlatformScore(const Platform& wanted, const Platform& offered);

}  // namespace wslm

#endif  // WSLM_DISTROS_OCI_PLATFORM_H_
