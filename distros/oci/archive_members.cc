#include "distros/oci/archive_members.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/tar/archive_reader.h"
#include "distros/tree/entry.h"

namespace wslm {
namespace {

constexpr int64_t kBlock = 512;
constexpr size_t kMembersMax = 100'000;
// Of a long name, and of a pax header.
constexpr int64_t kExtensionMax = 1 << 20;

// The fields of a header that matter here (POSIX ustar).
constexpr size_t kName = 0, kNameSize = 100;
constexpr size_t kSize = 124, kSizeSize = 12;
constexpr size_t kChecksum = 148, kChecksumSize = 8;
constexpr size_t kType = 156;
constexpr size_t kLink = 157, kLinkSize = 100;
constexpr size_t kMagic = 257;
constexpr size_t kPrefix = 345, kPrefixSize = 155;

// What comes before the first zero byte.
std::string_view UpToZero(std::string_view text) { return {text.data(), ::strnlen(text.data(), text.size())}; }

std::string_view Text(std::string_view header, size_t offset, size_t size) {
  return UpToZero(header.substr(offset, size));
}

// Octal digits, or GNU's binary form for what is too large for them.
std::optional<int64_t> Number(std::string_view field) {
  int64_t value = 0;
  if (!field.empty() && static_cast<unsigned char>(field[0]) == 0x80) {
    for (const char c : field.substr(1)) {
      if (value > (INT64_MAX >> 8)) return std::nullopt;
      value = value << 8 | static_cast<unsigned char>(c);
    }
    return value;
  }
  bool digits = false;
  for (const char c : field) {
    if (c == ' ' && !digits) continue;
    if (c == '\0' || c == ' ') break;
    if (c < '0' || c > '7') return std::nullopt;
    digits = true;
    value = value * 8 + (c - '0');
  }
  return value;
}

bool ChecksumIsRight(std::string_view header) {
  int64_t sum = 0;
  for (size_t i = 0; i < header.size(); ++i) {
    sum += i >= kChecksum && i < kChecksum + kChecksumSize ? ' ' : static_cast<unsigned char>(header[i]);
  }
  return Number(header.substr(kChecksum, kChecksumSize)) == sum;
}

class Walker {
 public:
  Walker(const ReadAt& read, int64_t size, std::string_view name) : read_(read), size_(size), name_(name) {}

  // The next member; nullopt at the end.
  absl::StatusOr<std::optional<std::pair<std::string, ArchiveMember>>> Next() {
    long_name_.clear();
    long_link_.clear();
    pax_size_.reset();
    while (true) {
      if (at_ >= size_) return Corrupt("it ends without the mark of a tar archive's end");
      ASSIGN_OR_RETURN(const std::string header, Take(at_, kBlock));
      if (header.find_first_not_of('\0') == std::string::npos) return std::nullopt;
      if (!ChecksumIsRight(header)) return Corrupt("it has a damaged header");
      const std::optional<int64_t> stored = Number(std::string_view(header).substr(kSize, kSizeSize));
      const char type = header[kType];
      // Only files have content; some tools leave a size on what has none.
      const bool extension = type == 'L' || type == 'K' || type == 'x' || type == 'g' || type == 'X';
      const bool file = type == '0' || type == '\0' || type == '7';
      const bool bodiless = type == '1' || type == '2' || type == '3' || type == '4' || type == '5' || type == '6';
      if (!stored) return Corrupt("it has a member of impossible size");
      const int64_t size = bodiless ? 0 : !extension && pax_size_ ? *pax_size_ : *stored;
      const int64_t offset = at_ + kBlock;
      if (size < 0 || size > size_ - offset) return Corrupt("it ends within a member");
      at_ = std::min(size_, offset + (size + kBlock - 1) / kBlock * kBlock);
      if (extension) {
        RETURN_IF_ERROR(TakeExtension(type, offset, size));
        continue;
      }
      const bool link = type == '1' || type == '2';
      if (!file && !link && type != '5') {
        long_name_.clear();
        long_link_.clear();
        pax_size_.reset();
        continue;
      }
      ASSIGN_OR_RETURN(std::string path, PathOf(header));
      ArchiveMember member{.offset = offset, .size = size};
      if (link) {
        ASSIGN_OR_RETURN(member.link, LinkOf(header, type, path));
      }
      if (type == '5') path += '/';
      return std::pair{std::move(path), std::move(member)};
    }
  }

 private:
  absl::Status Corrupt(std::string_view detail) const { return CorruptArchive(name_, detail); }

  absl::StatusOr<std::string> Take(int64_t offset, int64_t size) {
    std::string bytes(static_cast<size_t>(size), '\0');
    ASSIGN_OR_RETURN(const size_t count, read_(offset, bytes.data(), bytes.size()));
    if (count < bytes.size()) return Corrupt("it ends within a member");
    return bytes;
  }

  absl::Status TakeExtension(char type, int64_t offset, int64_t size) {
    if (size > kExtensionMax) return Corrupt("it has a name that is too long");
    ASSIGN_OR_RETURN(const std::string body, Take(offset, size));
    if (type == 'L') long_name_ = UpToZero(body);
    if (type == 'K') long_link_ = UpToZero(body);
    if (type == 'x' || type == 'X') return TakePax(body);
    return absl::OkStatus();
  }

  // Records of "LENGTH KEY=VALUE\n", the length counting all of it.
  absl::Status TakePax(std::string_view body) {
    while (!body.empty()) {
      size_t length = 0;
      size_t digits = 0;
      while (digits < body.size() && digits < 8 && body[digits] >= '0' && body[digits] <= '9') {
        length = length * 10 + static_cast<size_t>(body[digits++] - '0');
      }
      const size_t equals = body.find('=');
      if (digits == 0 || digits >= body.size() || body[digits] != ' ' || length > body.size() ||
          equals == std::string_view::npos || equals < digits + 1 || equals + 2 > length || body[length - 1] != '\n') {
        return Corrupt("it has a damaged pax header");
      }
      const std::string_view key = body.substr(digits + 1, equals - digits - 1);
      const std::string_view value = body.substr(equals + 1, length - equals - 2);
      body.remove_prefix(length);
      if (key == "path") long_name_ = value;
      if (key == "linkpath") long_link_ = value;
      if (absl::StartsWith(std::string(key), "GNU.sparse.")) return Corrupt("it holds a sparse file");
      if (key != "size") continue;
      int64_t size = 0;
      for (const char c : value) {
        if (c < '0' || c > '9' || size > INT64_MAX / 16) return Corrupt("it has a member of impossible size");
        size = size * 10 + (c - '0');
      }
      pax_size_ = size;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> PathOf(std::string_view header) {
    std::string path = long_name_;
    if (path.empty()) {
      path = Text(header, kName, kNameSize);
      // GNU's dialect has other things where POSIX has the first part of a long name.
      const bool posix = header.substr(kMagic, 6) == std::string_view("ustar\0", 6);
      const std::string_view prefix = posix ? Text(header, kPrefix, kPrefixSize) : std::string_view();
      if (!prefix.empty()) path = absl::StrCat(std::string(prefix), "/", path);
    }
    std::optional<std::string> normalised = NormalisedPath(path);
    if (normalised) return *std::move(normalised);
    return Corrupt(absl::StrCat("its entry '", Escaped(path.substr(0, 300)),
                                "' has a path that leads out of the tree ('..') or a name over 255 bytes"));
  }

  // Symbolic links are seen from their folder, hard links from the top.
  absl::StatusOr<std::string> LinkOf(std::string_view header, char type, const std::string& path) {
    const std::string target = long_link_.empty() ? std::string(Text(header, kLink, kLinkSize)) : long_link_;
    std::vector<std::string> parts;
    if (type == '2' && !absl::StartsWith(target, "/")) {
      parts = absl::StrSplit(path, '/');
      parts.pop_back();
    }
    for (const absl::string_view part : absl::StrSplit(target, '/')) {
      if (part.empty() || part == ".") continue;
      if (part != "..") {
        parts.emplace_back(part);
      } else if (parts.empty()) {
        return Corrupt(absl::StrCat("its entry '", Escaped(path), "' is a link that leads out of the archive"));
      } else {
        parts.pop_back();
      }
    }
    std::string link;
    for (const std::string& part : parts) absl::StrAppend(&link, link.empty() ? "" : "/", part);
    if (link.empty()) return Corrupt(absl::StrCat("its entry '", Escaped(path), "' is a link to nothing"));
    return link;
  }

  const ReadAt& read_;
  const int64_t size_;
  const std::string name_;
  int64_t at_ = 0;
  // For the member that follows.
  std::string long_name_;
  std::string long_link_;
  std::optional<int64_t> pax_size_;
};

}  // namespace

absl::Status WalkMembers(const ReadAt& read, int64_t size, std::string_view name,
                         const std::function<bool(const std::string& path, const ArchiveMember& member)>& seen) {
  Walker walker(read, size, name);
  while (true) {
    ASSIGN_OR_RETURN(const auto member, walker.Next());
    if (!member || !seen(member->first, member->second)) return absl::OkStatus();
  }
}

absl::StatusOr<std::map<std::string, ArchiveMember>> ListMembers(const ReadAt& read, int64_t size,
                                                                 std::string_view name) {
  std::map<std::string, ArchiveMember> members;
  bool too_many = false;
  RETURN_IF_ERROR(WalkMembers(read, size, name, [&](const std::string& path, const ArchiveMember& member) {
    if (!absl::EndsWith(path, "/")) members.insert_or_assign(path, member);
    too_many = members.size() > kMembersMax;
    return !too_many;
  }));
  if (too_many) return CorruptArchive(name, "it holds more files than any container image");
  return members;
}

}  // namespace wslm
