#include "distros/tree/compare.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/tree/tree_index.h"

namespace wslm {
namespace {

// Of an xattr's value, so much is shown.
constexpr size_t kShownBytes = 64;

std::string TypeName(FileType type) {
  switch (type) {
    case FileType::kRegular:
      return "file";
    case FileType::kDirectory:
      return "directory";
    case FileType::kSymlink:
      return "symlink";
    case FileType::kCharDevice:
      return "character device";
    case FileType::kBlockDevice:
      return "block device";
    case FileType::kFifo:
      return "fifo";
    case FileType::kSocket:
      return "socket";
  }
  return "unknown";
}

std::string TimeText(const Timestamp& time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%E*S UTC",
                          absl::FromUnixSeconds(time.seconds) + absl::Nanoseconds(time.nanoseconds),
                          absl::UTCTimeZone());
}

std::string DeviceText(const IndexedFile& file) { return absl::StrCat(file.rdev_major, ":", file.rdev_minor); }

std::string ContentText(const IndexedFile& file) {
  return absl::StrCat("hash ", absl::BytesToHexString(std::string(file.content.begin(), file.content.begin() + 8)));
}

// Which file it is a name of, where there are several.
std::string GroupText(const IndexedFile& file) {
  return file.names < 2 ? "" : absl::StrCat("one of ", file.names, ", the first ", Escaped(file.first_name));
}

std::string ValueText(const std::string& value) {
  const std::string shown = absl::CHexEscape(value.substr(0, kShownBytes));
  return absl::StrCat("\"", shown, "\"", value.size() > kShownBytes ? absl::StrCat("… ", value.size(), " bytes") : "");
}

void AddXattrs(const IndexedFile& first, const IndexedFile& second, std::vector<AttributeDifference>& found) {
  auto a = first.xattrs.begin();
  auto b = second.xattrs.begin();
  const auto add = [&](const std::string& name, const std::string* one, const std::string* other) {
    found.push_back(
        {"xattr " + Escaped(name), one == nullptr ? "" : ValueText(*one), other == nullptr ? "" : ValueText(*other)});
  };
  while (a != first.xattrs.end() || b != second.xattrs.end()) {
    if (b == second.xattrs.end() || (a != first.xattrs.end() && a->first < b->first)) {
      add(a->first, &a->second, nullptr);
      ++a;
    } else if (a == first.xattrs.end() || b->first < a->first) {
      add(b->first, nullptr, &b->second);
      ++b;
    } else {
      if (a->second != b->second) add(a->first, &a->second, &b->second);
      ++a;
      ++b;
    }
  }
}

std::vector<AttributeDifference> Explain(const IndexedFile& first, const IndexedFile& second) {
  std::vector<AttributeDifference> found;
  const auto add = [&](const char* attribute, std::string one, std::string other) {
    if (one != other) found.push_back({attribute, std::move(one), std::move(other)});
  };
  add("type", TypeName(first.type), TypeName(second.type));
  add("mode", absl::StrFormat("%04o", first.mode), absl::StrFormat("%04o", second.mode));
  add("owner", absl::StrCat(first.uid), absl::StrCat(second.uid));
  add("group", absl::StrCat(first.gid), absl::StrCat(second.gid));
  add("mtime", TimeText(first.mtime), TimeText(second.mtime));
  add("hard link", GroupText(first), GroupText(second));
  AddXattrs(first, second, found);
  // What only the one kind has says nothing of the other.
  if (first.type != second.type) return found;
  add("target", Escaped(first.symlink_target), Escaped(second.symlink_target));
  add("device", DeviceText(first), DeviceText(second));
  add("size", absl::StrCat(first.size), absl::StrCat(second.size));
  if (first.size == second.size) add("content", ContentText(first), ContentText(second));
  return found;
}

// Walks both indexes in the order of their paths.
class Comparer {
 public:
  Comparer(const TreeIndex& first, const TreeIndex& second, size_t most)
      : first_(first), second_(second), most_(most) {}

  Comparison Run() {
    comparison_.first_entries = static_cast<int64_t>(first_.paths().size());
    comparison_.second_entries = static_cast<int64_t>(second_.paths().size());
    auto a = first_.paths().begin();
    auto b = second_.paths().begin();
    while (a != first_.paths().end() || b != second_.paths().end()) {
      if (b == second_.paths().end() || (a != first_.paths().end() && a->first < b->first)) {
        Alone(Difference::Kind::kOnlyInFirst, a++->first, second_);
      } else if (a == first_.paths().end() || b->first < a->first) {
        Alone(Difference::Kind::kOnlyInSecond, b++->first, first_);
      } else {
        Add({Difference::Kind::kChanged, a->first, Explain(first_.file(a->second), second_.file(b->second))});
        ++a;
        ++b;
      }
    }
    return std::move(comparison_);
  }

 private:
  void Alone(Difference::Kind kind, const std::string& path, const TreeIndex& other) {
    const auto parent = other.paths().find(ParentOf(path));
    const bool told_of_above = parent == other.paths().end() || other.file(parent->second).type != FileType::kDirectory;
    if (!told_of_above) Add({kind, path, {}});
  }

  void Add(Difference difference) {
    if (difference.kind == Difference::Kind::kChanged && difference.attributes.empty()) return;
    ++comparison_.count;
    if (comparison_.differences.size() < most_) comparison_.differences.push_back(std::move(difference));
  }

  const TreeIndex& first_;
  const TreeIndex& second_;
  const size_t most_;
  Comparison comparison_;
};

}  // namespace

absl::StatusOr<Comparison> CompareTrees(Source& first, Source& second, const CompareOptions& options) {
  ASSIGN_OR_RETURN(const TreeIndex first_index, TreeIndex::Read(first, options.first));
  ASSIGN_OR_RETURN(const TreeIndex second_index, TreeIndex::Read(second, options.second));
  return Comparer(first_index, second_index, options.most_explained).Run();
}

}  // namespace wslm
