// Writes a distro as a pax tar archive through libarchive: owners, modes, times in ns, links, devices, holes, xattrs.
// Sockets can't be in a tar and are losses.
#ifndef WSLM_DISTROS_TAR_TAR_SINK_H_
#define WSLM_DISTROS_TAR_TAR_SINK_H_

#include <memory>

#include "absl/status/statusor.h"
#include "distros/host/byte_stream.h"
#include "distros/tree/sink.h"

namespace wslm {

// xz and zstd work in several threads.
enum class TarCompression { kNone, kGzip, kXz, kZstd, kBzip2, kLz4 };

// By the end of a file's name: .gz .tgz .xz .txz .zst .tzst .bz2 .tbz2 .tbz .lz4 .tlz4; else none. Error:
// UNSUPPORTED_FORMAT for an end that promises another format (.zip, .vhdx, …).
absl::StatusOr<TarCompression> TarCompressionOfName(std::string_view file_name);

absl::StatusOr<std::unique_ptr<Sink>> OpenTarSink(std::unique_ptr<ByteSink> bytes, TarCompression compression);

}  // namespace wslm

#endif  // WSLM_DISTROS_TAR_TAR_SINK_H_
