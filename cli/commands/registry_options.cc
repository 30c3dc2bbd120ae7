#include "cli/commands/registry_options.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "cli/commands/host_path.h"
#include "distros/host/status_macros.h"

namespace wslm::cli {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Where podman and docker keep passwords: containers-auth.json(5).
std::string UsualAuthFile() {
  if (const std::string named = Variable("REGISTRY_AUTH_FILE"); !named.empty()) return named;
  std::string docker = Variable("DOCKER_CONFIG");
  if (docker.empty()) docker = absl::StrCat(Variable("HOME"), "/.docker");
  for (const std::string& file :
       {absl::StrCat(Variable("XDG_RUNTIME_DIR"), "/containers/auth.json"), absl::StrCat(docker, "/config.json")}) {
    if (file.starts_with("/") && access(file.c_str(), R_OK) == 0) return file;
  }
  return "";
}

}  // namespace

void RegistryOptions::AddTo(Arguments& arguments) {
  arguments.Option("--auth-file", "FILE", auth_file_, "Passwords, as docker and podman keep them; theirs by default");
  arguments.Option("--ca-file", "FILE", ca_file_, "Trust the authorities of these certificates too");
  arguments.Flag("--plain-http", plain_http_, "Speak to the registry without TLS");
}

absl::StatusOr<v1::RegistryAccess> RegistryOptions::Access() const {
  v1::RegistryAccess access;
  const std::string auth_file = auth_file_.empty() ? UsualAuthFile() : auth_file_;
  if (!auth_file.empty()) {
    ASSIGN_OR_RETURN(*access.mutable_auth_file(), AbsolutePath(auth_file));
  }
  if (!ca_file_.empty()) {
    ASSIGN_OR_RETURN(*access.mutable_ca_file(), AbsolutePath(ca_file_));
  }
  access.set_plain_http(plain_http_);
  return access;
}

}  // namespace wslm::cli
