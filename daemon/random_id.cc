#include "daemon/random_id.h"

#include <sys/random.h>

#include <cstdlib>

#include "absl/strings/escaping.h"

namespace wslm::daemon {

std::string RandomHex(size_t bytes) {
  std::string random(bytes, '\0');
  // getentropy gives all or nothing of up to 256 bytes.
  if (::getentropy(random.data(), random.size()) != 0) std::abort();
  return absl::BytesToHexString(random);
}

}  // namespace wslm::daemon
