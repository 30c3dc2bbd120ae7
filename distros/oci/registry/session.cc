#include "distros/oci/registry/session.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/oci/registry/retry.h"

namespace wslm::oci::registry {
namespace {

using Json = nlohmann::json;

constexpr int kMostRedirects = 5;
// A token that was kept may have run out; a new one that is refused too is final.
constexpr int kMostTokens = 2;

bool IsRedirect(const HttpRequest& request, int code) {
  if (code == 307 || code == 308) return true;
  return (request.method == "GET" || request.method == "HEAD") && (code == 301 || code == 302 || code == 303);
}

// What the registry says in its own words, short and harmless; empty when nothing.
std::string Explanation(const HttpResponse& response) {
  const Json document = Json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return "";
  const auto errors = document.find("errors");
  if (errors == document.end() || !errors->is_array() || errors->empty() || !errors->front().is_object()) return "";
  const auto message = errors->front().find("message");
  if (message == errors->front().end() || !message->is_string()) return "";
  return absl::StrCat(" (", Escaped(message->get<std::string>().substr(0, 200)), ")");
}

std::string HostOf(const ImageReference& image) {
  return image.registry == "docker.io" ? "registry-1.docker.io" : image.registry;
}

std::string TextOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

Session::Session(const ImageReference& image, std::string actions, std::optional<Credentials> credentials,
                 const RegistryOptions& options, const Stop& stop)
    : image_(image),
      actions_(std::move(actions)),
      credentials_(std::move(credentials)),
      options_(options),
      stop_(stop) {}

absl::Status Session::Connect(HttpClient& client) {
  const std::string host = HostOf(image_);
  ASSIGN_OR_RETURN(base_, ParseUrl(absl::StrCat(options_.plain_http ? "http://" : "https://", host, "/")));
  if (options_.plain_http || !IsLoopbackHost(host)) return absl::OkStatus();
  // Whoever serves this machine alone often has no certificate.
  HttpRequest ping;
  ASSIGN_OR_RETURN(ping.url, ParseUrl("/v2/", base_.text));
  const absl::StatusOr<HttpResponse> answer = client.Send(ping);
  if (answer.ok()) answered_ = true;
  if (answer.ok() || !client.no_tls()) return absl::OkStatus();
  ASSIGN_OR_RETURN(base_, ParseUrl(absl::StrCat("http://", host, "/")));
  return absl::OkStatus();
}

absl::StatusOr<Url> Session::Address(const std::string& path) const {
  return ParseUrl(absl::StrCat("/v2/", image_.repository, "/", path), base_.text);
}

absl::Status Session::CheckRedirect(const Url& from, const Url& to) const {
  if (to.encrypted()) return absl::OkStatus();
  if (!from.encrypted() && !base_.encrypted() && (to.loopback() || options_.plain_http)) return absl::OkStatus();
  return NetworkError(absl::StatusCode::kFailedPrecondition, from.host,
                      absl::StrCat(Escaped(from.host), " leads to an unencrypted address at ", Escaped(to.host),
                                   ", which is not followed. Tell those who run it."),
                      "a redirect to an unencrypted address");
}

absl::Status Session::Denied() const {
  const std::string what = actions_ == "pull" ? "get" : "change";
  const std::string message =
      credentials_
          ? absl::StrCat(image_.registry, " doesn't let ", Escaped(credentials_->user), " ", what, " ",
                         image_.repository,
                         ", or there is no such image. Check the name, the password, and the user's rights there.")
          : absl::StrCat(image_.registry, " lets nobody ", what, " ", image_.repository,
                         " who is not logged in, or there is no such image. Check the name, or give a user's "
                         "name and password.");
  return Error(absl::StatusCode::kPermissionDenied, reason::kPermissionDenied, message, {{"host", image_.registry}});
}

std::string Session::BasicAuthorization() const {
  return absl::StrCat("Basic ", absl::Base64Escape(absl::StrCat(credentials_->user, ":", credentials_->password)));
}

absl::StatusOr<std::string> Session::FetchToken(HttpClient& client, const Challenge& challenge) {
  const auto parameter = [&](const char* name) {
    const auto found = challenge.parameters.find(name);
    return found == challenge.parameters.end() ? std::string() : found->second;
  };
  const absl::StatusOr<Url> realm = ParseUrl(parameter("realm"));
  const bool within = realm.ok() && realm->loopback() && base_.loopback() && !base_.encrypted();
  if (!realm.ok() || (!realm->encrypted() && !within)) {
    return NetworkError(
        absl::StatusCode::kFailedPrecondition, base_.host,
        absl::StrCat(Escaped(base_.host), " asks for a login at '", Escaped(parameter("realm").substr(0, 200)),
                     "', which is no https address. Nothing was sent there."),
        "the token service has no https address");
  }
  std::string query;
  if (!parameter("service").empty()) absl::StrAppend(&query, "&service=", QueryEscaped(parameter("service")));
  const std::string own = absl::StrCat("repository:", image_.repository, ":", actions_);
  absl::StrAppend(&query, "&scope=", QueryEscaped(own));
  const std::string asked = parameter("scope");
  if (!asked.empty() && asked != own) absl::StrAppend(&query, "&scope=", QueryEscaped(asked));

  HttpRequest request;
  const bool has_query = absl::StrContains(realm->text, '?');
  ASSIGN_OR_RETURN(request.url, ParseUrl(absl::StrCat(realm->text, has_query ? "&" : "?", query.substr(1))));
  if (credentials_) request.headers.push_back(absl::StrCat("Authorization: ", BasicAuthorization()));
  Retry retry(options_.patience, stop_);
  absl::StatusOr<HttpResponse> response = client.Send(request);
  while (retry.Again(response)) response = client.Send(request);
  if (!response.ok()) return response.status();
  if (response->code == 401 || response->code == 403) return Denied();
  if (!response->success()) return Failure(*response, absl::StrCat("a token from ", Escaped(realm->host)));
  const Json document = Json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  std::string token;
  if (document.is_object()) {
    token = TextOf(document, "token");
    if (token.empty()) token = TextOf(document, "access_token");
  }
  if (token.empty() || !std::all_of(token.begin(), token.end(), [](char c) { return absl::ascii_isgraph(c); })) {
    return NetworkError(absl::StatusCode::kFailedPrecondition, realm->host,
                        absl::StrCat(Escaped(realm->host), " gave no token that can be used. Try again later."),
                        "no usable token");
  }
  return absl::StrCat("Bearer ", token);
}

absl::Status Session::Authorize(HttpClient& client, const HttpResponse& refused, const std::string& used) {
  // Held while a token is fetched: the other threads need the same one.
  const std::lock_guard lock(mutex_);
  if (authorization_ != used) return absl::OkStatus();
  std::vector<Challenge> challenges;
  for (const auto& [name, value] : refused.headers) {
    if (name != "www-authenticate") continue;
    for (Challenge& challenge : ParseChallenges(value)) challenges.push_back(std::move(challenge));
  }
  const auto of_scheme = [&](std::string_view scheme) {
    return std::find_if(challenges.begin(), challenges.end(), [&](const Challenge& c) { return c.scheme == scheme; });
  };
  // A token that a password was given for is worth as much.
  if (credentials_ && !base_.encrypted() && !base_.loopback()) {
    return Error(absl::StatusCode::kPermissionDenied, reason::kPermissionDenied,
                 absl::StrCat(image_.registry,
                              " asks for a password over an unencrypted connection; none was sent. It needs TLS."),
                 {{"host", image_.registry}});
  }
  if (const auto bearer = of_scheme("bearer"); bearer != challenges.end()) {
    ASSIGN_OR_RETURN(authorization_, FetchToken(client, *bearer));
    return absl::OkStatus();
  }
  if (of_scheme("basic") == challenges.end() || !credentials_) return Denied();
  if (BasicAuthorization() == used) return Denied();
  authorization_ = BasicAuthorization();
  return absl::OkStatus();
}

absl::StatusOr<HttpResponse> Session::SendOnce(HttpClient& client, HttpRequest request) {
  int redirects = 0;
  int tokens = 0;
  const std::vector<std::string> headers = request.headers;
  while (true) {
    const bool own = request.url.origin == base_.origin;
    request.headers = headers;
    std::string used;
    if (own) {
      const std::lock_guard lock(mutex_);
      used = authorization_;
    }
    if (!used.empty()) request.headers.push_back(absl::StrCat("Authorization: ", used));
    ASSIGN_OR_RETURN(HttpResponse response, client.Send(request));
    answered_ = true;
    if (response.code == 401 && own) {
      if (tokens++ == kMostTokens) return Denied();
      RETURN_IF_ERROR(Authorize(client, response, used));
    } else if (IsRedirect(request, response.code)) {
      if (redirects++ == kMostRedirects) {
        return NetworkError(absl::StatusCode::kFailedPrecondition, request.url.host,
                            absl::StrCat(Escaped(base_.host), " leads from one address to the next without an end."),
                            "too many redirects");
      }
      absl::StatusOr<Url> target = ParseUrl(response.Header("location"), request.url.text);
      if (!target.ok()) {
        return NetworkError(absl::StatusCode::kFailedPrecondition, request.url.host,
                            absl::StrCat(Escaped(request.url.host), " leads to no address that can be followed. ",
                                         target.status().message()),
                            "a redirect without an address");
      }
      RETURN_IF_ERROR(CheckRedirect(request.url, *target));
      request.url = *std::move(target);
    } else {
      return response;
    }
  }
}

absl::StatusOr<HttpResponse> Session::Send(HttpClient& client, const HttpRequest& request) {
  // Who never answered is probably misspelt: told soon.
  Patience patience = options_.patience;
  if (!answered_) patience.attempts = std::min(patience.attempts, 2);
  Retry reach(patience, stop_);
  Retry again(options_.patience, stop_);
  while (true) {
    absl::StatusOr<HttpResponse> response = SendOnce(client, request);
    if (!(answered_ ? again : reach).Again(response)) return response;
  }
}

absl::Status Session::Failure(const HttpResponse& response, const std::string& what) const {
  const std::string explanation = Explanation(response);
  if (response.code == 401 || response.code == 403) return WithContext(Denied(), what);
  if (response.code == 404) {
    return Error(absl::StatusCode::kNotFound, reason::kFileNotFound,
                 absl::StrCat(image_.registry, " doesn't have ", what, explanation, "."),
                 {{"path", image_.ToString()}});
  }
  if (response.code == 429) {
    return NetworkError(absl::StatusCode::kUnavailable, image_.registry,
                        absl::StrCat(image_.registry, " allows no more for now", explanation,
                                     ". Wait, or log in there: many registries allow their users more."),
                        "HTTP 429");
  }
  const bool passing = response.code >= 500;
  return NetworkError(passing ? absl::StatusCode::kUnavailable : absl::StatusCode::kFailedPrecondition, image_.registry,
                      absl::StrCat(image_.registry, " answered ", response.code, explanation, " when asked for ", what,
                                   ". ", passing ? "Try again later." : "Is it a container registry?"),
                      absl::StrCat("HTTP ", response.code));
}

}  // namespace wslm::oci::registry
