// What pull and push are told beside the image and the folder.
#ifndef WSLM_DISTROS_OCI_REGISTRY_OPTIONS_H_
#define WSLM_DISTROS_OCI_REGISTRY_OPTIONS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "distros/host/cancel.h"
#include "distros/oci/platform.h"

namespace wslm::oci::registry {

struct Credentials {
  std::string user;
  std::string password;
};

// How often, and how long, a server is waited for.
struct Patience {
  std::chrono::milliseconds connect = std::chrono::seconds(30);
  // A transfer that moves nothing for so long is broken off. In whole seconds.
  std::chrono::seconds stall = std::chrono::seconds(60);
  // Tries that got nowhere, before an error that may pass (no connection, 429, 503) is final.
  int attempts = 6;
  // Between two of them, doubled each time up to the longest; what the server asks for (Retry-After) goes before, up to
  // longest_asked: more is an error at once.
  std::chrono::milliseconds first_wait = std::chrono::milliseconds(500);
  std::chrono::milliseconds longest_wait = std::chrono::seconds(20);
  std::chrono::milliseconds longest_asked = std::chrono::seconds(120);
};

struct RegistryOptions {
  // Which of an image's variants; the host's where nothing is said.
  Platform platform = HostPlatform();
  // May be null. Set from any thread: the call answers CANCELLED within 200 ms.
  const CancelFlag* cancel = nullptr;
  // Called at most ten times a second, on the caller's thread. The total is 0 until the manifest is known; `done` may
  // go back when a server sends from the start what was to be resumed.
  std::function<void(int64_t done, int64_t total)> progress;
  // A PEM file of certificate authorities that are trusted beside the host's own. Empty: none.
  std::string ca_file;
  // For the image's registry. Where there are none, auth_file is asked.
  std::optional<Credentials> credentials;
  // A file in the form of Docker's ~/.docker/config.json ("auths"). Empty: none. Credential helpers are not run.
  std::string auth_file;
  // Speak to the registry without TLS. Loopback registries need not be named so: where they speak no TLS they are
  // spoken to without. Credentials go to none but loopback ones in the clear, even so.
  bool plain_http = false;
  Patience patience;
  // Push only: larger blobs go up in pieces of this size, so that a broken connection costs no more than one.
  int64_t chunk_size = int64_t{64} << 20;
};

using PullOptions = RegistryOptions;
using PushOptions = RegistryOptions;

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_OPTIONS_H_
