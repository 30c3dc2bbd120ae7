// For which machine an image is: "linux/amd64", "linux/arm/v7".
#ifndef WSLM_DISTROS_OCI_REGISTRY_PLATFORM_H_
#define WSLM_DISTROS_OCI_REGISTRY_PLATFORM_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace wslm::oci::registry {

// In the words of the OCI image specification, which are Go's (GOOS, GOARCH).
struct Platform {
  std::string os;
  std::string architecture;
  // Empty: any, the commonest before others.
  std::string variant;

  std::string ToString() const;
};

// Linux on this machine's processor. Thread-safe.
Platform HostPlatform();

// "amd64", "linux/amd64" or "linux/arm/v7". Error: INVALID_ARGUMENT.
absl::StatusOr<Platform> ParsePlatform(const std::string& text);

// How well `offered` serves `wanted`: 0 not at all, else more is better.
int PlatformScore(const Platform& wanted, const Platform& offered);

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_PLATFORM_H_
