#include "distros/tree/limits.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

enum class Unit { kCount, kBytes };

struct Known {
  const char* name;
  int64_t Limits::*field;
  // "...; the limit is": what is too much.
  const char* what;
  Unit unit;
  // No value is larger.
  int64_t most = INT64_MAX;
};

constexpr Known kEntries = {"entries", &Limits::entries, "entries in all", Unit::kCount};
constexpr Known kPathBytes = {"path_bytes", &Limits::path_bytes, "bytes in a path", Unit::kCount, 16384};
constexpr Known kPathDepth = {"path_depth", &Limits::path_depth, "names in a path", Unit::kCount, 8192};
constexpr Known kNameBytes = {"name_bytes", &Limits::name_bytes, "bytes in a name", Unit::kCount, 255};
constexpr Known kTextBytes = {"text_bytes", &Limits::text_bytes, "of names and link targets in all", Unit::kBytes};
constexpr Known kXattrs = {"xattrs", &Limits::xattrs, "extended attributes of an entry", Unit::kCount};
constexpr Known kXattrBytes = {"xattr_bytes", &Limits::xattr_bytes, "of extended attributes of an entry", Unit::kBytes};
constexpr Known kHardLinks = {"hard_links", &Limits::hard_links, "names of a file", Unit::kCount, UINT32_MAX};
constexpr Known kFileBytes = {"file_bytes", &Limits::file_bytes, "in a file", Unit::kBytes};
constexpr Known kTotalBytes = {"total_bytes", &Limits::total_bytes, "in all files", Unit::kBytes};
constexpr Known kExpansion = {"expansion", &Limits::expansion, "bytes of content for each packed byte", Unit::kCount};
constexpr Known kExpansionFloor = {"expansion_floor", &Limits::expansion_floor, "", Unit::kBytes};

constexpr const Known* kAll[] = {&kEntries,    &kPathBytes, &kPathDepth, &kNameBytes,  &kTextBytes, &kXattrs,
                                 &kXattrBytes, &kHardLinks, &kFileBytes, &kTotalBytes, &kExpansion, &kExpansionFloor};

std::string Amount(const Known& limit, int64_t value) {
  return limit.unit == Unit::kBytes ? HumanSize(value) : absl::StrCat(value);
}

absl::Status Exceeded(const Known& limit, int64_t value, int64_t maximum, std::string_view path,
                      std::string_view the_reason = reason::kUnsupportedFormat) {
  return Error(absl::StatusCode::kResourceExhausted, the_reason,
               absl::StrCat("The source is refused at its entry '", Escaped(path.substr(0, 300)), "': ",
                            Amount(limit, value), " ", limit.what, " are more than the limit '", limit.name, "' of ",
                            Amount(limit, maximum), ". If you trust the source, raise that limit and try again."),
               {{"limit", limit.name}, {"value", absl::StrCat(value)}, {"maximum", absl::StrCat(maximum)}});
}

int64_t SizeOf(std::string_view text) { return static_cast<int64_t>(text.size()); }

// The sum, or the largest number when that is beyond it. Neither is negative.
int64_t Sum(int64_t a, int64_t b) { return a > INT64_MAX - b ? INT64_MAX : a + b; }

// "12", "12 MiB", "12MiB".
std::optional<int64_t> ParseAmount(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  std::string_view unit = text.substr(digits);
  if (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  if (digits < text.size() && unit.empty()) return std::nullopt;
  int shift = 0;
  if (!unit.empty()) {
    constexpr std::pair<std::string_view, int> kUnits[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
    const auto* found =
        std::find_if(std::begin(kUnits), std::end(kUnits), [&](const auto& u) { return u.first == unit; });
    if (found == std::end(kUnits)) return std::nullopt;
    shift = found->second;
  }
  int64_t number = 0;
  if (!absl::SimpleAtoi(std::string(text.substr(0, digits)), &number) || number > INT64_MAX >> shift) {
    return std::nullopt;
  }
  return number << shift;
}

absl::Status Bad(std::string_view message, const std::string& name) {
  return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument, message, {{"limit", name}});
}

}  // namespace

absl::StatusOr<Limits> ParseLimits(const std::map<std::string, std::string>& values) {
  Limits limits;
  for (const auto& [name, text] : values) {
    const auto* const found = std::find_if(std::begin(kAll), std::end(kAll),
                                           [&name = name](const Known* known) { return name == known->name; });
    if (found == std::end(kAll)) {
      std::string names;
      for (const Known* known : kAll) absl::StrAppend(&names, names.empty() ? "" : ", ", known->name);
      return Bad(absl::StrCat("There is no limit called '", Escaped(name), "'. These are: ", names, "."), name);
    }
    const Known& known = **found;
    const std::optional<int64_t> amount = ParseAmount(text);
    if (!amount || *amount < 1 || *amount > known.most) {
      return Bad(absl::StrCat("The limit '", name, "' can't be '", Escaped(text), "': it must be a number from 1 to ",
                              known.most, ", with KiB, MiB, GiB or TiB behind it if need be."),
                 name);
    }
    limits.*known.field = *amount;
  }
  return limits;
}

absl::Status LimitChecker::Begin(const Entry& entry) {
  if (++entries_ > limits_.entries) return Exceeded(kEntries, entries_, limits_.entries, entry.path);
  RETURN_IF_ERROR(CheckNames(entry));
  if (entry.is_hard_link()) {
    const int64_t names = int64_t{++hard_links_[std::hash<std::string_view>()(entry.hard_link_to)]} + 1;
    if (names > limits_.hard_links) return Exceeded(kHardLinks, names, limits_.hard_links, entry.path);
    return absl::OkStatus();
  }
  return entry.type == FileType::kRegular ? CheckSizes(entry) : absl::OkStatus();
}

absl::Status LimitChecker::CheckNames(const Entry& entry) {
  if (SizeOf(entry.path) > limits_.path_bytes) {
    return Exceeded(kPathBytes, SizeOf(entry.path), limits_.path_bytes, entry.path);
  }
  int64_t depth = 0;
  for (std::string_view rest = entry.path; !rest.empty(); ++depth) {
    const size_t size = std::min(rest.find('/'), rest.size());
    if (static_cast<int64_t>(size) > limits_.name_bytes) {
      return Exceeded(kNameBytes, static_cast<int64_t>(size), limits_.name_bytes, entry.path);
    }
    rest.remove_prefix(std::min(size + 1, rest.size()));
  }
  if (depth > limits_.path_depth) return Exceeded(kPathDepth, depth, limits_.path_depth, entry.path);

  text_bytes_ += SizeOf(entry.path) + SizeOf(entry.hard_link_to);
  if (!entry.is_hard_link()) {
    text_bytes_ += SizeOf(entry.symlink_target);
    const auto count = static_cast<int64_t>(entry.xattrs.size());
    if (count > limits_.xattrs) return Exceeded(kXattrs, count, limits_.xattrs, entry.path);
    int64_t xattr_bytes = 0;
    for (const auto& [name, value] : entry.xattrs) {
      xattr_bytes += SizeOf(name) + SizeOf(value);
      text_bytes_ += SizeOf(name);
    }
    if (xattr_bytes > limits_.xattr_bytes) return Exceeded(kXattrBytes, xattr_bytes, limits_.xattr_bytes, entry.path);
  }
  if (text_bytes_ > limits_.text_bytes) return Exceeded(kTextBytes, text_bytes_, limits_.text_bytes, entry.path);
  return absl::OkStatus();
}

absl::Status LimitChecker::CheckSizes(const Entry& entry) {
  if (entry.size > limits_.file_bytes) return Exceeded(kFileBytes, entry.size, limits_.file_bytes, entry.path);
  total_bytes_ = Sum(total_bytes_, entry.size);
  if (total_bytes_ > limits_.total_bytes) return Exceeded(kTotalBytes, total_bytes_, limits_.total_bytes, entry.path);
  int64_t data = entry.extents ? 0 : entry.size;
  if (entry.extents) {
    for (const DataExtent& extent : *entry.extents) data = Sum(data, std::max<int64_t>(extent.length, 0));
  }
  promised_bytes_ = Sum(promised_bytes_, data);
  if (!limits_.free_bytes || promised_bytes_ <= *limits_.free_bytes) return absl::OkStatus();
  return Error(absl::StatusCode::kResourceExhausted, reason::kDiskFull,
               absl::StrCat("There is no room for the source: up to its entry '", Escaped(entry.path.substr(0, 300)),
                            "' it needs ", HumanSize(promised_bytes_), ", and ", HumanSize(*limits_.free_bytes),
                            " were free at the start. Free some space and try again."),
               {{"limit", "free_bytes"},
                {"needed_bytes", absl::StrCat(promised_bytes_)},
                {"free_bytes", absl::StrCat(*limits_.free_bytes)},
                {"value", absl::StrCat(promised_bytes_)},
                {"maximum", absl::StrCat(*limits_.free_bytes)}});
}

absl::Status LimitChecker::Write(const DataBlock& block, int64_t position) {
  content_bytes_ = Sum(content_bytes_, SizeOf(block.bytes));
  if (content_bytes_ <= limits_.expansion_floor || position <= 0) return absl::OkStatus();
  const int64_t expansion = content_bytes_ / position;
  if (expansion < limits_.expansion) return absl::OkStatus();
  return Exceeded(kExpansion, expansion, limits_.expansion, "", reason::kCorruptSource);
}

}  // namespace wslm
