#include "cli/output/table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/output/text.h"
#include "cli/output/units.h"
#include "distros/host/error.h"

namespace wslm::cli {

std::string FormatTable(const std::vector<std::string>& headings, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> lines = {headings};
  for (const std::vector<std::string>& row : rows) {
    lines.emplace_back();
    for (const std::string& cell : row) lines.back().push_back(Escaped(cell));
  }
  std::vector<size_t> widths(headings.size());
  for (const std::vector<std::string>& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(line[i]));
  }
  std::string text;
  for (const std::vector<std::string>& line : lines) {
    for (size_t i = 0; i + 1 < line.size(); ++i) absl::StrAppend(&text, PadRight(line[i], widths[i] + 3));
    absl::StrAppend(&text, line.back(), "\n");
  }
  return text;
}

std::string FormatDistroTable(const std::vector<v1::Distro>& distros) {
  size_t width = std::string_view("NAME").size();
  for (const v1::Distro& distro : distros) width = std::max(width, DisplayWidth(Escaped(distro.name())));
  const auto line = [&](const std::string& mark, const std::string& name, const std::string& state,
                        const std::string& version) {
    return absl::StrCat(mark, " ", PadRight(name, width + 4), PadRight(state, 16), version, "\n");
  };
  std::string text = line(" ", "NAME", "STATE", "VERSION");
  for (const v1::Distro& distro : distros) {
    const int version = VersionNumber(distro.version());
    absl::StrAppend(&text, line(distro.is_default() ? "*" : " ", Escaped(distro.name()), StateName(distro.state()),
                                version == 0 ? "?" : absl::StrCat(version)));
  }
  return text;
}

}  // namespace wslm::cli
