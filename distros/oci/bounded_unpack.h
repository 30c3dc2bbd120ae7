// Unpacks what comes in a container image, its layers or its whole archive, within bounds: a few megabytes can hold
// more zeros than any disk has room for.
#ifndef WSLM_DISTROS_OCI_BOUNDED_UNPACK_H_
#define WSLM_DISTROS_OCI_BOUNDED_UNPACK_H_

#include <memory>
#include <string>

#include "distros/host/byte_stream.h"
#include "distros/tar/detect.h"
#include "distros/tree/limits.h"

namespace wslm {

// What `packed`, of the kind kGzip or kCompressed, holds. Reading it fails with CORRUPT_SOURCE when it is damaged, or
// holds more than limits.expansion allows. `name` is for messages.
std::unique_ptr<ByteSource> UnpackWithin(const Limits& limits, ContentKind kind, std::unique_ptr<ByteSource> packed,
                                         std::string name);

}  // namespace wslm

#endif  // WSLM_DISTROS_OCI_BOUNDED_UNPACK_H_
