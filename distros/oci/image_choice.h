// Finds in a folder or archive the one image that is meant, and reads its documents: index, manifest and config, each
// held to the digest that names it.
#ifndef WSLM_DISTROS_OCI_IMAGE_CHOICE_H_
#define WSLM_DISTROS_OCI_IMAGE_CHOICE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "distros/oci/image_config.h"
#include "distros/oci/image_files.h"
#include "distros/tree/sha256.h"

namespace wslm {

struct ImageLayer {
  // Its file, packed or not.
  std::string file;
  int64_t size = 0;
  // Of the file, where the image says it.
  std::optional<Sha256Digest> digest;
  // Of what it holds, unpacked.
  Sha256Digest diff_id{};
};

struct ChosenImage {
  ImageConfig config;
  // The lowest first.
  std::vector<ImageLayer> layers;
};

// The image for `platform` called `ref_name` (empty: the only one there). Errors: CORRUPT_SOURCE; UNSUPPORTED_FORMAT
// for what holds no container image; INVALID_ARGUMENT, which lists the names, when several images are there and none is
// chosen, or none of the name; HOST_UNSUPPORTED when it is for other platforms only.
absl::StatusOr<ChosenImage> ChooseImage(const ImageFiles& files, const Platform& platform, const std::string& ref_name);

}  // namespace wslm

#endif  // WSLM_DISTROS_OCI_IMAGE_CHOICE_H_
