#include "distros/oci/registry/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>

#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"

namespace wslm::oci::registry {
namespace {

struct Free {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(char* text) const { curl_free(text); }
};

absl::Status Wrong(const std::string& why) {
  return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument, why, {{"field", "url"}});
}

// Empty when it has none.
std::string Part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  const std::unique_ptr<char, Free> owner(text);
  return text;
}

}  // namespace

bool Url::loopback() const { return IsLoopbackHost(host); }

absl::StatusOr<Url> ParseUrl(absl::string_view text, const std::string& base) {
  const std::unique_ptr<CURLU, Free> url(curl_url());
  if (text.size() > 16384) return Wrong("The address has more than 16384 bytes.");
  for (const char c : text) {
    if (!absl::ascii_isgraph(c)) return Wrong("The address has bytes that none may have.");
  }
  if (!base.empty() && curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK) {
    return Wrong("The address that it is relative to is none.");
  }
  if (curl_url_set(url.get(), CURLUPART_URL, std::string(text).c_str(), 0) != CURLUE_OK) {
    return Wrong("It is no http or https address.");
  }
  Url result;
  result.scheme = Part(url.get(), CURLUPART_SCHEME);
  if (result.scheme != "http" && result.scheme != "https") return Wrong("It is no http or https address.");
  if (!Part(url.get(), CURLUPART_USER).empty() || !Part(url.get(), CURLUPART_PASSWORD).empty()) {
    return Wrong("An address must hold no user's name or password.");
  }
  curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0);
  result.text = Part(url.get(), CURLUPART_URL);
  result.host = absl::AsciiStrToLower(Part(url.get(), CURLUPART_HOST));
  if (result.text.empty() || result.host.empty()) return Wrong("It is no http or https address.");
  result.origin =
      absl::StrCat(result.scheme, "://", result.host, ":", Part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
  return result;
}

bool IsLoopbackHost(absl::string_view host) {
  if (absl::StartsWith(host, "[")) {
    const std::string address(host.substr(1, host.find(']') - 1));
    in6_addr parsed;
    return ::inet_pton(AF_INET6, address.c_str(), &parsed) == 1 && IN6_IS_ADDR_LOOPBACK(&parsed);
  }
  const std::string name(host.substr(0, host.find(':')));
  in_addr parsed;
  if (::inet_pton(AF_INET, name.c_str(), &parsed) == 1) return ntohl(parsed.s_addr) >> 24 == 127;
  return absl::EqualsIgnoreCase(name, "localhost");
}

std::string QueryEscaped(const std::string& text) {
  const std::unique_ptr<char, Free> escaped(curl_easy_escape(nullptr, text.c_str(), static_cast<int>(text.size())));
  return escaped == nullptr ? "" : escaped.get();
}

}  // namespace wslm::oci::registry
