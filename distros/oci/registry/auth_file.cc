#include "distros/oci/registry/auth_file.h"

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"

namespace wslm::oci::registry {
namespace {

using Json = nlohmann::json;

absl::Status Wrong(const std::string& path, const std::string& why) {
  return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
               absl::StrCat("The file of credentials ", Escaped(path), " ", why),
               {{"field", "auth_file"}, {"path", path}});
}

// A key as "host" or "host/folder": "https://index.docker.io/v1/" is how Docker calls its Hub.
std::string Place(absl::string_view key) {
  if (!absl::ConsumePrefix(&key, "https://")) absl::ConsumePrefix(&key, "http://");
  while (absl::ConsumeSuffix(&key, "/")) continue;
  if (!absl::ConsumeSuffix(&key, "/v1")) absl::ConsumeSuffix(&key, "/v2");
  const size_t slash = key.find('/');
  std::string host = absl::AsciiStrToLower(key.substr(0, slash));
  if (host == "index.docker.io" || host == "registry-1.docker.io") host = "docker.io";
  return slash == absl::string_view::npos ? host : absl::StrCat(host, key.substr(slash));
}

bool Covers(const std::string& place, const ImageReference& image) {
  const std::string name = absl::StrCat(image.registry, "/", image.repository);
  return name == place || absl::StartsWith(name, absl::StrCat(place, "/"));
}

std::string TextOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

absl::StatusOr<std::optional<Credentials>> Decode(const Json& entry, const std::string& path, const std::string& key) {
  if (!entry.is_object()) return Wrong(path, absl::StrCat("has no object for ", Escaped(key), "."));
  const std::string auth = TextOf(entry, "auth");
  if (auth.empty()) {
    Credentials plain{TextOf(entry, "username"), TextOf(entry, "password")};
    if (plain.user.empty()) return std::nullopt;
    return plain;
  }
  std::string pair;
  const bool decoded = absl::Base64Unescape(auth, &pair);
  const size_t colon = pair.find(':');
  if (!decoded || colon == std::string::npos || colon == 0) {
    return Wrong(path, absl::StrCat("has a broken \"auth\" for ", Escaped(key), ". Log in there anew."));
  }
  std::string password = pair.substr(colon + 1);
  // Old versions of Docker wrote zeros behind it.
  while (!password.empty() && password.back() == '\0') password.pop_back();
  return Credentials{pair.substr(0, colon), password};
}

}  // namespace

absl::StatusOr<std::optional<Credentials>> FindCredentials(absl::string_view text, const std::string& path,
                                                           const ImageReference& image) {
  const Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return Wrong(path, "is no JSON object. It must have the form of Docker's config.json.");
  const auto auths = document.find("auths");
  if (auths == document.end() || auths->is_null()) return std::nullopt;
  if (!auths->is_object()) return Wrong(path, "has an \"auths\" that is no object.");
  std::optional<Credentials> best;
  size_t best_length = 0;
  for (const auto& [key, entry] : auths->items()) {
    const std::string place = Place(key);
    if (place.size() <= best_length || !Covers(place, image)) continue;
    ASSIGN_OR_RETURN(std::optional<Credentials> credentials, Decode(entry, path, key));
    if (!credentials) continue;
    best = std::move(credentials);
    best_length = place.size();
  }
  return best;
}

absl::StatusOr<std::optional<Credentials>> CredentialsFor(const RegistryOptions& options, const ImageReference& image) {
  if (options.credentials) return options.credentials;
  if (options.auth_file.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(options.auth_file));
  return FindCredentials(text, options.auth_file, image);
}

}  // namespace wslm::oci::registry
