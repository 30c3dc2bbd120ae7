// Rows under headings, in columns as wide as their widest cell.
#ifndef WSLM_CLI_OUTPUT_TABLE_H_
#define WSLM_CLI_OUTPUT_TABLE_H_

#include <string>
#include <vector>

#include "wslm/v1/distro.pb.h"

namespace wslm::cli {

// Cells are escaped. Every row has as many cells as there are headings.
std::string FormatTable(const std::vector<std::string>& headings, const std::vector<std::vector<std::string>>& rows);

// As `wsl --list --verbose`: "* NAME  STATE  VERSION".
std::string FormatDistroTable(const std::vector<v1::Distro>& distros);

}  // namespace wslm::cli

#endif  // WSLM_CLI_OUTPUT_TABLE_H_
