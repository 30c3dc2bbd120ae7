#include "distros/oci/registry/reference.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/oci/blob_digest.h"

namespace wslm::oci::registry {
namespace {

constexpr absl::string_view kDockerHub = "docker.io";
constexpr size_t kLongestName = 255;
constexpr size_t kLongestTag = 128;

absl::Status Wrong(absl::string_view text, const std::string& why) {
  return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
               absl::StrCat("'", Escaped(std::string(text.substr(0, 300))), "' is no image's name: ", why),
               {{"field", "image"}});
}

bool IsLowerOrDigit(char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); }

bool IsPort(absl::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port >= 1 && port <= 65535 && text.front() != '+';
}

bool IsHost(absl::string_view host) {
  if (absl::ConsumePrefix(&host, "[")) {
    return absl::ConsumeSuffix(&host, "]") && !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
             return absl::ascii_isxdigit(c) || c == ':' || c == '.';
           });
  }
  for (const absl::string_view label : absl::StrSplit(host, '.')) {
    if (label.empty() || label.front() == '-' || label.back() == '-') return false;
    if (!std::all_of(label.begin(), label.end(), [](char c) { return absl::ascii_isalnum(c) || c == '-'; }))
      return false;
  }
  return true;
}

bool IsRegistry(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos || absl::EndsWith(text, "]")) return IsHost(text);
  return IsHost(text.substr(0, colon)) && IsPort(text.substr(colon + 1));
}

// Lower-case letters and digits, with ".", "_", "__" or any number of "-" between them.
bool IsComponent(absl::string_view text) {
  if (text.empty() || !IsLowerOrDigit(text.front()) || !IsLowerOrDigit(text.back())) return false;
  for (size_t i = 0; i < text.size();) {
    if (IsLowerOrDigit(text[i])) {
      ++i;
      continue;
    }
    const size_t end = std::find_if(text.begin() + i, text.end(), IsLowerOrDigit) - text.begin();
    const absl::string_view separator = text.substr(i, end - i);
    const bool dashes = std::all_of(separator.begin(), separator.end(), [](char c) { return c == '-'; });
    if (!dashes && separator != "." && separator != "_" && separator != "__") return false;
    i = end;
  }
  return true;
}

bool IsTag(absl::string_view text) {
  if (text.empty() || text.size() > kLongestTag || text.front() == '.' || text.front() == '-') return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '_' || c == '.' || c == '-'; });
}

// Whether what stands before the first slash is a host: as Docker tells it from a folder on its Hub.
bool LooksLikeRegistry(absl::string_view text) {
  return text == "localhost" || text.find_first_of(".:[") != absl::string_view::npos;
}

absl::Status TakeDigest(absl::string_view whole, absl::string_view& rest, ImageReference& image) {
  const size_t at = rest.find('@');
  if (at == absl::string_view::npos) return absl::OkStatus();
  const absl::string_view digest = rest.substr(at + 1);
  if (absl::StartsWith(digest, "sha512:")) {
    return Wrong(whole, "only digests of the kind sha256 are known here. Name the image by its tag or sha256 digest.");
  }
  if (!ParseDigest({digest.data(), digest.size()})) {
    return Wrong(whole, "behind the @ there must be 'sha256:' and 64 hexadecimal digits in lower case.");
  }
  image.digest = std::string(digest);
  rest = rest.substr(0, at);
  return absl::OkStatus();
}

absl::Status TakeTag(absl::string_view whole, absl::string_view& rest, ImageReference& image) {
  const size_t colon = rest.rfind(':');
  const size_t slash = rest.rfind('/');
  if (colon == absl::string_view::npos || (slash != absl::string_view::npos && colon < slash)) {
    if (image.digest.empty()) image.tag = "latest";
    return absl::OkStatus();
  }
  image.tag = std::string(rest.substr(colon + 1));
  if (!IsTag(image.tag)) {
    return Wrong(whole, "a tag has 1 to 128 letters, digits, '_', '.' and '-', and begins with none of the last two.");
  }
  rest = rest.substr(0, colon);
  return absl::OkStatus();
}

absl::Status TakeRegistry(absl::string_view whole, absl::string_view& rest, ImageReference& image) {
  image.registry = std::string(kDockerHub);
  const size_t slash = rest.find('/');
  if (slash == absl::string_view::npos) return absl::OkStatus();
  const absl::string_view first = rest.substr(0, slash);
  if (!LooksLikeRegistry(first)) return absl::OkStatus();
  if (!IsRegistry(first)) {
    return Wrong(
        whole, absl::StrCat("'", Escaped(std::string(first)), "' is no registry's host name, with or without a port."));
  }
  image.registry = absl::AsciiStrToLower(first);
  if (image.registry == "index.docker.io" || image.registry == "registry-1.docker.io")
    image.registry = std::string(kDockerHub);
  rest = rest.substr(slash + 1);
  return absl::OkStatus();
}

}  // namespace

std::string ImageReference::ToString() const {
  return absl::StrCat(registry, "/", repository, tag.empty() ? "" : ":", tag, digest.empty() ? "" : "@", digest);
}

absl::StatusOr<ImageReference> ParseReference(const std::string& name) {
  const absl::string_view text = name;
  if (text.empty()) return Wrong(text, "it is empty.");
  if (absl::StrContains(text, "://")) return Wrong(text, "leave out what stands before '//', and that.");
  ImageReference image;
  absl::string_view rest = text;
  RETURN_IF_ERROR(TakeDigest(text, rest, image));
  RETURN_IF_ERROR(TakeTag(text, rest, image));
  RETURN_IF_ERROR(TakeRegistry(text, rest, image));
  image.repository = std::string(rest);
  for (const absl::string_view component : absl::StrSplit(rest, '/')) {
    if (!IsComponent(component)) {
      return Wrong(text, absl::StrCat("'", Escaped(std::string(component)),
                                      "' must be lower-case letters and digits, with '.', '_', '__' or '-' between."));
    }
  }
  if (image.registry == kDockerHub && !absl::StrContains(rest, '/')) {
    image.repository = absl::StrCat("library/", rest);
  }
  if (image.repository.size() > kLongestName) return Wrong(text, "it has more than 255 characters.");
  return image;
}

}  // namespace wslm::oci::registry
