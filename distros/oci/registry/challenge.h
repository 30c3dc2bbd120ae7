// What a server that wants to know who asks says: the header WWW-Authenticate (RFC 9110, 11.6.1).
#ifndef WSLM_DISTROS_OCI_REGISTRY_CHALLENGE_H_
#define WSLM_DISTROS_OCI_REGISTRY_CHALLENGE_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace wslm::oci::registry {

struct Challenge {
  // In lower case: "bearer", "basic".
  std::string scheme;
  // Names in lower case: "realm", "service", "scope".
  std::map<std::string, std::string> parameters;
};

// All challenges of one header; what can't be read ends the list. Thread-safe.
std::vector<Challenge> ParseChallenges(std::string_view header);

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_CHALLENGE_H_
