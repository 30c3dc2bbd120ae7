// Writes a distro as a pax tar archive through libarchive: owners, modes, times in ns, links, devices, holes, xattrs.
// Sockets can't be in a tar and are losses.
#ifndef WSLM_DISTROS_TAR_TAR_SINK_H_
#define WSLM_DISTROS_TAR_TAR_SINK_H_

#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "distros/host/byte_stream.h"
#include "distros/host/cancel.h"
#include "distros/tree/sink.h"

namespace wslm {

// xz and zstd work in several threads.
enum class TarCompression { kNone, kGzip, kXz, kZstd, kBzip2, kLz4 };

// By the end of a file's name, in any case: .gz .tgz .wsl .xz .txz .zst .tzst .bz2 .tbz2 .tbz .lz4 .tlz4; none for .tar
// and for a name without an end, which is one with a letter in it. nullopt for all others (.zip, .vhdx, .foo).
std::optional<TarCompression> TarCompressionOfName(std::string_view file_name);

// A sink that is dropped before its Commit ends its compression at once, with what is still to be compressed. `cancel`
// ends a call that waits for the compression, too; it may be null and else outlives the sink.
absl::StatusOr<std::unique_ptr<Sink>> OpenTarSink(std::unique_ptr<ByteSink> bytes, TarCompression compression,
                                                  const CancelFlag* cancel = nullptr);

}  // namespace wslm

#endif  // WSLM_DISTROS_TAR_TAR_SINK_H_
