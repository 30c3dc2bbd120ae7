#include "distros/registry/image_facts.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "distros/config/wsl_conf.h"

namespace wslm {
namespace {

constexpr size_t kFileMax = size_t{64} << 10;
// What is kept of any tree: names, and bytes of each and of what it leads to. Longer ones lead to no shell.
constexpr size_t kNamesMax = 50'000;
constexpr size_t kNameMax = 512;

std::string_view BaseNameOf(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Of text files these facts are read from; wherever they lie, since /etc/os-release is often a link.
bool IsRead(std::string_view path) {
  const std::string_view name = BaseNameOf(path);
  return name == "os-release" || name == "initrd-release" || name == "wsl.conf" || path == "etc/passwd" ||
         path.ends_with("/etc/passwd");
}

// Names on the way to a shell or to the files above.
bool IsFollowed(std::string_view path) {
  const std::string_view name = BaseNameOf(path);
  return IsRead(path) || name == "bin" || name == "usr" || name == "etc" || name == "lib" || name == "static";
}

// The value of `key` in text of the form of os-release(5): shell assignments.
std::string OsReleaseValue(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.substr(0, key.size()) != key || line.substr(key.size(), 1) != "=") continue;
    line.remove_prefix(key.size() + 1);
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) line.remove_suffix(1);
    if (line.size() >= 2 && (line[0] == '"' || line[0] == '\'') && line.back() == line[0]) {
      line = line.substr(1, line.size() - 2);
    }
    // The values wanted here have no need of escapes: what has other characters is nothing to show to anybody.
    const bool plain = std::all_of(line.begin(), line.end(), [](char c) {
      return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
             std::string_view("._+~-").find(c) != std::string_view::npos;
    });
    return plain && line.size() <= 64 ? std::string(line) : "";
  }
  return "";
}

bool IsUserName(std::string_view name) {
  return !name.empty() && name.size() <= 32 && name[0] != '-' && std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != ':' && c != '/' && static_cast<unsigned char>(c) < 0x7F;
  });
}

}  // namespace

std::optional<std::string> AccountNameOf(std::string_view passwd, uint32_t uid) {
  for (const absl::string_view line : absl::StrSplit(absl::string_view(passwd.data(), passwd.size()), '\n')) {
    // Name, password, number.
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ':');
    if (fields.size() < 3) continue;
    const absl::string_view digits = fields[2];
    uint32_t found = 0;
    const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), found);
    if (error == std::errc() && rest == digits.data() + digits.size() && found == uid &&
        IsUserName({fields[0].data(), fields[0].size()})) {
      return std::string(fields[0]);
    }
  }
  return std::nullopt;
}

struct FactsFilter::Impl {
  explicit Impl(Sink& sink) : next(sink) {}

  void Note(const Entry& entry) {
    reading = nullptr;
    if (entry.path.empty()) return;
    if (entry.path.size() > kNameMax) return;
    const bool room = links.size() + hard_links.size() + shells.size() < kNamesMax;
    if (BaseNameOf(entry.path) == "sh" && room) shells.insert(entry.path);
    if (!IsFollowed(entry.path)) return;
    links.erase(entry.path);
    texts.erase(entry.path);
    hard_links.erase(entry.path);
    if (entry.is_hard_link()) {
      if (room && entry.hard_link_to.size() <= kNameMax) hard_links[entry.path] = entry.hard_link_to;
    } else if (entry.type == FileType::kSymlink) {
      if (room && entry.symlink_target.size() <= kNameMax) links[entry.path] = entry.symlink_target;
    } else if (entry.type == FileType::kRegular && IsRead(entry.path) && texts.size() < 64) {
      reading = &texts[entry.path];
    }
  }

  // `path` with the known links in it followed as inside the distro.
  std::string Resolved(std::string path) const {
    constexpr int kMostLinks = 40;  // as Linux
    for (int i = 0; i < kMostLinks; ++i) {
      std::optional<std::string> followed;
      for (size_t slash = path.find('/');; slash = path.find('/', slash + 1)) {
        const std::string part = path.substr(0, slash);
        if (const auto link = links.find(part); link != links.end()) {
          const std::string rest = slash == std::string::npos ? "" : path.substr(slash);
          const std::string base = link->second.front() == '/' ? "" : part.substr(0, part.rfind('/') + 1);
          followed = WithoutDots(base + link->second + rest);
          break;
        }
        if (slash == std::string::npos) break;
      }
      if (!followed) return path;
      path = *std::move(followed);
    }
    return path;
  }

  static std::string WithoutDots(std::string_view path) {
    std::string result;
    while (!path.empty()) {
      const size_t slash = path.find('/');
      const std::string_view component = path.substr(0, slash);
      path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
      if (component.empty() || component == ".") continue;
      if (component == "..") {
        const size_t last = result.rfind('/');
        result.resize(last == std::string::npos ? 0 : last);
        continue;
      }
      if (!result.empty()) result += '/';
      result += component;
    }
    return result;
  }

  const std::string* TextOf(const std::string& path) const {
    std::string resolved = Resolved(path);
    if (const auto link = hard_links.find(resolved); link != hard_links.end()) resolved = link->second;
    const auto text = texts.find(resolved);
    return text == texts.end() ? nullptr : &text->second;
  }

  Sink& next;
  std::map<std::string, std::string> links;       // symlinks: path to target
  std::map<std::string, std::string> hard_links;  // path to path
  std::map<std::string, std::string> texts;       // path to content
  std::set<std::string> shells;
  std::string* reading = nullptr;
};

FactsFilter::FactsFilter(Sink& next) : impl_(std::make_unique<Impl>(next)) {}
FactsFilter::~FactsFilter() = default;

absl::Status FactsFilter::Begin(const Entry& entry) {
  impl_->Note(entry);
  return impl_->next.Begin(entry);
}

absl::Status FactsFilter::Write(const DataBlock& block) {
  if (std::string* text = impl_->reading;
      text != nullptr && block.offset >= 0 && static_cast<uint64_t>(block.offset) + block.bytes.size() <= kFileMax) {
    text->resize(std::max(text->size(), static_cast<size_t>(block.offset)));
    text->replace(static_cast<size_t>(block.offset), block.bytes.size(), block.bytes);
  }
  return impl_->next.Write(block);
}

absl::Status FactsFilter::End() {
  impl_->reading = nullptr;
  return impl_->next.End();
}

absl::Status FactsFilter::Commit() { return impl_->next.Commit(); }

std::vector<std::string> FactsFilter::losses() const { return impl_->next.losses(); }

ImageFacts FactsFilter::facts() const {
  ImageFacts facts;
  const std::string* release = impl_->TextOf("etc/os-release");
  if (release == nullptr) release = impl_->TextOf("usr/lib/os-release");
  if (release != nullptr) {
    facts.has_os_release = true;
    facts.flavor = OsReleaseValue(*release, "ID");
    facts.os_version = OsReleaseValue(*release, "VERSION_ID");
  }
  if (const std::string* config = impl_->TextOf("etc/wsl.conf"); config != nullptr) {
    const std::string user = ReadWslConf(*config).default_user;
    if (IsUserName(user)) facts.wsl_default_user = user;
  }
  if (const std::string* passwd = impl_->TextOf("etc/passwd"); passwd != nullptr) facts.passwd = *passwd;
  facts.has_shell = impl_->shells.count("bin/sh") > 0 || impl_->shells.count(impl_->Resolved("bin") + "/sh") > 0;
  return facts;
}

}  // namespace wslm
