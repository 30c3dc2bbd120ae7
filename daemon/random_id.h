// Random identifiers from the kernel's generator.
#ifndef WSLM_DAEMON_RANDOM_ID_H_
#define WSLM_DAEMON_RANDOM_ID_H_

#include <string>

namespace wslm::daemon {

// `bytes` random bytes as lower-case hexadecimal digits. Aborts when the kernel gives none.
std::string RandomHex(size_t bytes);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_RANDOM_ID_H_
