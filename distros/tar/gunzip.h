// Unpacks gzip (RFC 1952), one member or several. Not libarchive's: that one does not look at the checksum, and half of
// all single wrong bits would come through.
#ifndef WSLM_DISTROS_TAR_GUNZIP_H_
#define WSLM_DISTROS_TAR_GUNZIP_H_

#include <memory>
#include <string>

#include "distros/host/byte_stream.h"

namespace wslm {

// What comes behind the last member is left out, as gzip itself does. `name` is for messages. Error: CORRUPT_SOURCE.
std::unique_ptr<ByteSource> Gunzip(std::unique_ptr<ByteSource> bytes, std::string name);

}  // namespace wslm

#endif  // WSLM_DISTROS_TAR_GUNZIP_H_
