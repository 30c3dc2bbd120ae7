// Texts that registries and container images send: the first byte chooses the parser.
#include <set>

#include "distros/oci/blob_digest.h"
#include "distros/oci/image_config.h"
#include "distros/oci/manifest.h"
#include "distros/oci/registry/auth_file.h"
#include "distros/oci/registry/challenge.h"
#include "distros/oci/registry/reference.h"
#include "distros/oci/registry/url.h"
#include "tests/fuzz/fuzz.h"

using namespace wslm;

namespace {

void Reference(const std::string& text) {
  const auto image = oci::registry::ParseReference(text);
  if (!image.ok()) return;
  const auto again = oci::registry::ParseReference(image->ToString());
  FUZZ_CHECK(again.ok() && again->ToString() == image->ToString());
  FUZZ_CHECK(!image->registry.empty() && !image->repository.empty() && !image->Selector().empty());
}

void Document(const std::string& text) {
  const auto document = ParseManifest(text, "application/json", "text");
  if (!document.ok()) return;
  FUZZ_CHECK(IsManifestType(document->media_type));
  if (document->is_index) {
    std::set<std::string> offered;
    const Descriptor* chosen = ChooseByPlatform(document->manifests, {.os = "linux", .architecture = "amd64"}, offered);
    if (chosen != nullptr) FUZZ_CHECK(chosen->is_image && ParseDigest(chosen->digest).has_value());
    return;
  }
  FUZZ_CHECK(document->layers.size() <= kLayersMax);
  for (const auto& blob : document->Blobs()) FUZZ_CHECK(ParseDigest(blob.digest).has_value() && blob.size >= 0);
}

void Config(const std::string& text) {
  const auto config = ParseImageConfig(text, "text");
  if (!config.ok()) return;
  FUZZ_CHECK(!config->config.platform.os.empty() && !config->config.platform.architecture.empty());
  for (const std::string& variable : config->config.env) FUZZ_CHECK(variable.find('\0') == std::string::npos);
}

void Passwords(const std::string& text) {
  oci::registry::FindCredentials(text, "file", *oci::registry::ParseReference("ghcr.io/owner/name"))
      .status()
      .IgnoreError();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(fuzz::TextOf(data + 1, size - 1));
  switch (data[0] % 6) {
    case 0:
      Reference(text);
      break;
    case 1:
      Document(text);
      break;
    case 2:
      Config(text);
      break;
    case 3:
      Passwords(text);
      break;
    case 4:
      oci::registry::ParseChallenges(text);
      break;
    default:
      oci::registry::ParseUrl(text).status().IgnoreError();
  }
  return 0;
}
