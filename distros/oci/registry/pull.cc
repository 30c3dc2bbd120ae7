#include "distros/oci/registry/pull.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "distros/oci/blob_digest.h"
#include "distros/oci/image_config.h"
#include "distros/oci/json_document.h"
#include "distros/oci/manifest.h"
#include "distros/oci/registry/blob_download.h"
#include "distros/oci/registry/layout_folder.h"
#include "distros/oci/registry/selection.h"
#include "distros/oci/registry/session.h"
#include "distros/oci/registry/transfer_call.h"

namespace wslm::oci::registry {
namespace {

// Both kinds, in both dialects.
constexpr char kAcceptManifests[] =
    "Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
constexpr int kThreads = 3;
// A list that leads to a list that leads to an image is more than anybody makes.
constexpr int kDeepestIndex = 3;

struct FetchedManifest {
  Descriptor descriptor;
  std::string bytes;
  Manifest document;
};

class Pull {
 public:
  Pull(Session& session, const std::string& certificates, const LayoutFolder& layout, const PullOptions& options,
       Stop& stop)
      : session_(session), certificates_(certificates), layout_(layout), options_(options), stop_(stop) {}

  void Tick() const {
    if (options_.progress) options_.progress(std::clamp<int64_t>(done_, 0, total_), total_);
  }

  absl::StatusOr<PullResult> Run() {
    RETURN_IF_ERROR(layout_.Prepare());
    HttpClient client(certificates_, options_.patience, stop_);
    RETURN_IF_ERROR(session_.Connect(client));
    ASSIGN_OR_RETURN(const FetchedManifest manifest, Resolve(client));
    const std::vector<Descriptor> blobs = manifest.document.Blobs();
    int64_t total = 0;
    int64_t missing = manifest.descriptor.size;
    for (const Descriptor& blob : blobs) {
      total += blob.size;
      missing += blob.size - layout_.BytesOf(blob);
    }
    total_ = total;
    RETURN_IF_ERROR(CheckFreeSpace(layout_.path(), missing));
    ASSIGN_OR_RETURN(const Platform platform, FetchConfig(client, manifest.document.config));
    RETURN_IF_ERROR(WithFreeSpace(FetchLayers(blobs), layout_.path(), missing));
    RETURN_IF_ERROR(layout_.Put(manifest.descriptor.digest, manifest.bytes));
    RETURN_IF_ERROR(layout_.Finish(manifest.document, manifest.descriptor, platform, session_.image().tag));
    return PullResult{.manifest_digest = manifest.descriptor.digest,
                      .media_type = manifest.document.media_type,
                      .platform = platform,
                      .bytes = total,
                      .fetched_bytes = fetched_};
  }

 private:
  absl::Status Corrupt(const std::string& why) const {
    return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
                 absl::StrCat("The manifest of ", session_.image().ToString(), " ", why, ". Nothing of it was kept."),
                 {{"detail", absl::StrCat("the manifest ", why)}});
  }

  // `digest` may be empty, `size` -1: not known.
  absl::StatusOr<FetchedManifest> FetchManifest(HttpClient& client, const std::string& selector,
                                                const std::string& digest, int64_t size) {
    HttpRequest request{.headers = {kAcceptManifests}, .body_limit = kDocumentMax};
    ASSIGN_OR_RETURN(request.url, session_.Address(absl::StrCat("manifests/", selector)));
    ASSIGN_OR_RETURN(const HttpResponse response, session_.Send(client, request));
    const std::string name = session_.image().ToString();
    if (response.code == 404) {
      return Error(absl::StatusCode::kNotFound, reason::kFileNotFound,
                   absl::StrCat("There is no image ", name.substr(name.find('/') + 1), " at ",
                                session_.image().registry, ". Look at its name and tag."),
                   {{"path", name}});
    }
    if (!response.success()) return session_.Failure(response, absl::StrCat("the manifest of ", name));
    FetchedManifest manifest{.bytes = response.body};
    manifest.descriptor.digest = DigestOfBytes(response.body);
    manifest.descriptor.size = static_cast<int64_t>(response.body.size());
    if (!digest.empty() && manifest.descriptor.digest != digest)
      return Corrupt("has another digest than was asked for");
    if (size >= 0 && manifest.descriptor.size != size) return Corrupt("has another size than the list says");
    const std::string said = response.Header("docker-content-digest");
    if (ParseDigest(said) && said != manifest.descriptor.digest) {
      return Corrupt("has another digest than the registry says");
    }
    ASSIGN_OR_RETURN(manifest.document, ParseManifest(response.body, response.Header("content-type"), name));
    return manifest;
  }

  absl::StatusOr<FetchedManifest> Resolve(HttpClient& client) {
    const ImageReference& image = session_.image();
    ASSIGN_OR_RETURN(FetchedManifest manifest, FetchManifest(client, image.Selector(), image.digest, -1));
    for (int depth = 0; manifest.document.is_index; ++depth) {
      if (depth == kDeepestIndex) return Corrupt("leads from list to list without an image");
      ASSIGN_OR_RETURN(const Descriptor chosen,
                       ChooseForPlatform(manifest.document, options_.platform, image.ToString()));
      ASSIGN_OR_RETURN(manifest, FetchManifest(client, chosen.digest, chosen.digest, chosen.size));
    }
    return manifest;
  }

  absl::Status Fetch(HttpClient& client, const Descriptor& blob) {
    return DownloadBlob(
        session_, client, layout_, blob, [this](int64_t bytes) { done_ += bytes; },
        [this](int64_t bytes) { fetched_ += bytes; });
  }

  // First, since it says whether the rest is of use here.
  absl::StatusOr<Platform> FetchConfig(HttpClient& client, const Descriptor& config) {
    RETURN_IF_ERROR(WithFreeSpace(Fetch(client, config), layout_.path(), 0));
    ASSIGN_OR_RETURN(const std::string bytes, layout_.Read(config));
    ASSIGN_OR_RETURN(const ParsedConfig parsed,
                     ParseImageConfig(bytes, absl::StrCat("The config of ", session_.image().ToString())));
    const Platform& platform = parsed.config.platform;
    if (PlatformScore(options_.platform, platform) > 0) return platform;
    return Error(
        absl::StatusCode::kNotFound, reason::kFileNotFound,
        absl::StrCat("There is no image for ", options_.platform.ToString(), " in ", session_.image().ToString(),
                     "; it is for ", Escaped(platform.ToString().substr(0, 60)), "."),
        {{"path", session_.image().ToString()}});
  }

  // All but the first of `blobs`, the configuration.
  absl::Status FetchLayers(const std::vector<Descriptor>& blobs) {
    // A client a thread: at most that many are in use at once.
    std::mutex mutex;
    std::vector<std::unique_ptr<HttpClient>> idle;
    return RunEach(kThreads, blobs.size() - 1, stop_, [&](size_t index) {
      std::unique_ptr<HttpClient> client;
      {
        const std::lock_guard lock(mutex);
        if (!idle.empty()) {
          client = std::move(idle.back());
          idle.pop_back();
        }
      }
      if (client == nullptr) client = std::make_unique<HttpClient>(certificates_, options_.patience, stop_);
      const absl::Status status = Fetch(*client, blobs[index + 1]);
      const std::lock_guard lock(mutex);
      idle.push_back(std::move(client));
      return status;
    });
  }

  Session& session_;
  const std::string& certificates_;
  const LayoutFolder& layout_;
  const PullOptions& options_;
  Stop& stop_;
  std::atomic<int64_t> done_ = 0;
  std::atomic<int64_t> total_ = 0;
  std::atomic<int64_t> fetched_ = 0;
};

}  // namespace

absl::StatusOr<PullResult> PullImage(const ImageReference& image, const std::string& folder,
                                     const PullOptions& options) {
  return RunTransfer<PullResult, Pull>(image, "pull", folder, options);
}

}  // namespace wslm::oci::registry
