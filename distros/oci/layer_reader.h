// A layer of a container image as a source: unpacked (gzip, zstd and what else a tar may be packed with), its digests
// checked at its end.
#ifndef WSLM_DISTROS_OCI_LAYER_READER_H_
#define WSLM_DISTROS_OCI_LAYER_READER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "distros/host/cancel.h"
#include "distros/oci/image_choice.h"
#include "distros/oci/image_files.h"
#include "distros/tree/limits.h"
#include "distros/tree/source.h"

namespace wslm {

// Its entries are the layer's own, removals (".wh.") among them. The Next that finds the end answers CORRUPT_SOURCE
// when the file, or what was in it, is not what its digest says. Reads and unpacks in a thread of its own. position and
// total count the file's bytes. Unpacked it may hold what `limits` allow. `cancel`, which may be null, outlives it.
absl::StatusOr<std::unique_ptr<Source>> OpenLayer(const ImageFiles& files, const ImageLayer& layer,
                                                  const Limits& limits, const CancelFlag* cancel);

}  // namespace wslm

#endif  // WSLM_DISTROS_OCI_LAYER_READER_H_
