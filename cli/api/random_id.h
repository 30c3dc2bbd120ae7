// Ids that a client chooses: of requests and uploads.
#ifndef WSLM_CLI_API_RANDOM_ID_H_
#define WSLM_CLI_API_RANDOM_ID_H_

#include <string>

namespace wslm::cli {

// A random UUID (RFC 9562, version 4).
std::string RandomId();

}  // namespace wslm::cli

#endif  // WSLM_CLI_API_RANDOM_ID_H_
