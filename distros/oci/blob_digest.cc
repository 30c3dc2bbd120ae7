#include "distros/oci/blob_digest.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace wslm {
namespace {

constexpr std::string_view kAlgorithm = "sha256:";

uint8_t Nibble(char digit) { return static_cast<uint8_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10); }

}  // namespace

bool IsDigestHex(std::string_view text) {
  return text.size() == 2 * std::tuple_size_v<Sha256Digest> &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string DigestHex(const Sha256Digest& digest) {
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::string DigestText(const Sha256Digest& digest) { return absl::StrCat("sha256:", DigestHex(digest)); }

std::optional<Sha256Digest> ParseDigest(std::string_view text) {
  if (text.substr(0, kAlgorithm.size()) != kAlgorithm) return std::nullopt;
  text.remove_prefix(kAlgorithm.size());
  if (!IsDigestHex(text)) return std::nullopt;
  Sha256Digest digest;
  for (size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<uint8_t>(Nibble(text[2 * i]) << 4 | Nibble(text[2 * i + 1]));
  }
  return digest;
}

std::string DigestOfBytes(std::string_view bytes) { return DigestText(Sha256().Of(bytes)); }

std::string BlobPath(const Sha256Digest& digest) { return absl::StrCat("blobs/sha256/", DigestHex(digest)); }

}  // namespace wslm
