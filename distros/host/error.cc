#include "distros/host/error.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace wslm {
namespace {

constexpr char kReasonUrl[] = "wslm/reason";
constexpr char kMetadataUrl[] = "wslm/metadata";

// Each key and value as "LENGTH:BYTES", one after another.
std::string EncodeMetadata(const ErrorMetadata& metadata) {
  std::string encoded;
  for (const auto& [key, value] : metadata) absl::StrAppend(&encoded, key.size(), ":", key, value.size(), ":", value);
  return encoded;
}

std::optional<std::string> TakeString(std::string_view& encoded) {
  size_t length = 0;
  const auto [end, error] = std::from_chars(encoded.data(), encoded.data() + encoded.size(), length);
  if (error != std::errc() || end == encoded.data() + encoded.size() || *end != ':') return std::nullopt;
  encoded.remove_prefix(static_cast<size_t>(end - encoded.data()) + 1);
  if (length > encoded.size()) return std::nullopt;
  std::string result(encoded.substr(0, length));
  encoded.remove_prefix(length);
  return result;
}

// Length of the well-formed UTF-8 sequence that `text` begins with; 0 when it is none (RFC 3629).
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xC2 && first < 0xE0   ? 2
                        : first >= 0xE0 && first < 0xF0 ? 3
                        : first >= 0xF0 && first < 0xF5 ? 4
                                                        : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second >= 0xA0;
  const bool too_large = first == 0xF4 && second >= 0x90;
  return overlong || surrogate || too_large ? 0 : length;
}

bool IsControl(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  // U+0080–U+009F: some terminals obey them as they obey ESC.
  return character.size() == 2 && first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

}  // namespace

absl::Status Error(absl::StatusCode code, std::string_view reason, std::string_view message,
                   const ErrorMetadata& metadata) {
  absl::Status status(code, absl::string_view(message.data(), message.size()));
  status.SetPayload(kReasonUrl, absl::Cord(std::string(reason)));
  if (!metadata.empty()) status.SetPayload(kMetadataUrl, absl::Cord(EncodeMetadata(metadata)));
  return status;
}

absl::Status ErrnoError(std::string_view doing, std::string_view path) { return ErrnoError(doing, path, errno); }

absl::Status ErrnoError(std::string_view doing, std::string_view path, int error) {
  const char* description = strerrordesc_np(error);
  const char* name = strerrorname_np(error);
  const bool full = error == ENOSPC || error == EDQUOT;
  return Error(absl::ErrnoToStatusCode(error), full ? reason::kDiskFull : reason::kIoError,
               absl::StrCat(std::string(doing), " ", Escaped(path), ": ",
                            description != nullptr ? description : absl::StrCat("error ", error)),
               {{"path", std::string(path)}, {"errno", name != nullptr ? name : absl::StrCat(error)}});
}

absl::Status WithContext(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  absl::Status result(status.code(), absl::StrCat(std::string(context), ": ", status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) { result.SetPayload(url, payload); });
  return result;
}

std::string ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kReasonUrl);
  return payload ? std::string(*payload) : std::string();
}

ErrorMetadata MetadataOf(const absl::Status& status) {
  ErrorMetadata metadata;
  const auto payload = status.GetPayload(kMetadataUrl);
  if (!payload) return metadata;
  const std::string encoded(*payload);
  std::string_view rest = encoded;
  while (!rest.empty()) {
    std::optional<std::string> key = TakeString(rest);
    std::optional<std::string> value = TakeString(rest);
    if (!key || !value) break;
    metadata.emplace(*std::move(key), *std::move(value));
  }
  return metadata;
}

std::string Escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const std::string_view character = text.substr(0, length == 0 ? 1 : length);
    if (length == 0 || IsControl(character)) {
      for (const char c : character) {
        char hex[5];
        std::snprintf(hex, sizeof(hex), "\\x%02X", static_cast<unsigned char>(c));
        result += hex;
      }
    } else {
      result += character;
    }
    text.remove_prefix(character.size());
  }
  return result;
}

}  // namespace wslm
