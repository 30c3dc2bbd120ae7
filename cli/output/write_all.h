// Writing everything.
#ifndef WSLM_CLI_OUTPUT_WRITE_ALL_H_
#define WSLM_CLI_OUTPUT_WRITE_ALL_H_

#include <string_view>

namespace wslm::cli {

// Blocks until all of `bytes` is written, also where `fd` does not block by itself. 0, or the errno of the failure.
int WriteAll(int fd, std::string_view bytes);

}  // namespace wslm::cli

#endif  // WSLM_CLI_OUTPUT_WRITE_ALL_H_
