// Random identifiers from the kernel's generator. Both abort when the kernel gives no random bytes.
#ifndef WSLM_DISTROS_HOST_RANDOM_ID_H_
#define WSLM_DISTROS_HOST_RANDOM_ID_H_

#include <cstddef>
#include <string>

namespace wslm {

// `bytes` (at most 256) random bytes as lower-case hexadecimal digits.
std::string RandomHex(size_t bytes);

// A random UUID (RFC 9562, version 4).
std::string NewUuid();

}  // namespace wslm

#endif  // WSLM_DISTROS_HOST_RANDOM_ID_H_
