#include "distros/oci/registry/push.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/invalid.h"
#include "distros/host/status_macros.h"
#include "distros/oci/json_document.h"
#include "distros/oci/manifest.h"
#include "distros/oci/registry/blob_upload.h"
#include "distros/oci/registry/layout_folder.h"
#include "distros/oci/registry/selection.h"
#include "distros/oci/registry/session.h"
#include "distros/oci/registry/transfer_call.h"

namespace wslm::oci::registry {
namespace {

constexpr int kThreads = 2;
constexpr int kDeepestIndex = 3;

struct LocalImage {
  Descriptor descriptor;
  std::string bytes;
  Manifest document;
};

// The image of a layout, or that of several which is for `platform`.
absl::StatusOr<LocalImage> ReadImage(const LayoutFolder& layout, const Platform& platform) {
  const std::string name = Escaped(layout.path());
  ASSIGN_OR_RETURN(const std::string index, ReadSmallFile(absl::StrCat(layout.path(), "/index.json"), kDocumentMax));
  LocalImage image;
  ASSIGN_OR_RETURN(image.document, ParseManifest(index, "", name));
  for (int depth = 0; image.document.is_index; ++depth) {
    if (depth > kDeepestIndex) {
      return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
                   absl::StrCat("The index of ", name, " leads from list to list without an image."),
                   {{"detail", "nested too deeply"}});
    }
    if (image.document.manifests.size() == 1) {
      image.descriptor = image.document.manifests[0];
    } else {
      ASSIGN_OR_RETURN(image.descriptor, ChooseForPlatform(image.document, platform, name));
    }
    ASSIGN_OR_RETURN(image.bytes, layout.Read(image.descriptor));
    ASSIGN_OR_RETURN(image.document, ParseManifest(image.bytes, image.descriptor.media_type, name));
  }
  if (image.bytes.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat,
                 absl::StrCat(name, "/index.json is no index of an OCI image layout."), {{"detected", "a manifest"}});
  }
  return image;
}

class Push {
 public:
  Push(Session& session, const std::string& certificates, const LayoutFolder& layout, const PushOptions& options,
       Stop& stop)
      : session_(session), certificates_(certificates), layout_(layout), options_(options), stop_(stop) {}

  void Tick() const {
    if (options_.progress) options_.progress(std::clamp<int64_t>(done_, 0, total_), total_);
  }

  absl::StatusOr<PushResult> Run() {
    ASSIGN_OR_RETURN(const LocalImage image, ReadImage(layout_, options_.platform));
    const ImageReference& target = session_.image();
    if (!target.digest.empty() && target.digest != image.descriptor.digest) {
      return Invalid("image", absl::StrCat("The image has the digest ", image.descriptor.digest, ", not ",
                                           target.digest, ". Name it by a tag."));
    }
    const std::vector<Descriptor> blobs = image.document.Blobs();
    int64_t total = 0;
    for (const Descriptor& blob : blobs) total += blob.size;
    total_ = total;
    HttpClient client(certificates_, options_.patience, stop_);
    RETURN_IF_ERROR(session_.Connect(client));
    RETURN_IF_ERROR(SendBlobs(blobs));
    RETURN_IF_ERROR(SendManifest(client, image));
    return PushResult{.manifest_digest = image.descriptor.digest, .bytes = total, .sent_bytes = sent_};
  }

 private:
  absl::Status SendBlobs(const std::vector<Descriptor>& blobs) {
    return RunEach(kThreads, blobs.size(), stop_, [&](size_t index) -> absl::Status {
      HttpClient client(certificates_, options_.patience, stop_);
      ASSIGN_OR_RETURN(const bool sent, UploadBlob(session_, client, layout_, blobs[index], options_.chunk_size,
                                                   [this](int64_t bytes) { done_ += bytes; }));
      if (sent) sent_ += blobs[index].size;
      return absl::OkStatus();
    });
  }

  absl::Status SendManifest(HttpClient& client, const LocalImage& image) {
    const ImageReference& target = session_.image();
    HttpRequest request{
        .method = "PUT", .headers = {absl::StrCat("Content-Type: ", image.document.media_type)}, .body = image.bytes};
    const std::string& selector = target.tag.empty() ? target.digest : target.tag;
    ASSIGN_OR_RETURN(request.url, session_.Address(absl::StrCat("manifests/", selector)));
    ASSIGN_OR_RETURN(const HttpResponse response, session_.Send(client, request));
    if (!response.success()) return session_.Failure(response, absl::StrCat("room for ", target.ToString()));
    const std::string said = response.Header("docker-content-digest");
    if (said.empty() || said == image.descriptor.digest) return absl::OkStatus();
    return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
                 absl::StrCat(target.registry, " has another manifest than was sent."),
                 {{"detail", "the registry says another digest"}});
  }

  Session& session_;
  const std::string& certificates_;
  const LayoutFolder& layout_;
  const PushOptions& options_;
  Stop& stop_;
  std::atomic<int64_t> done_ = 0;
  std::atomic<int64_t> total_ = 0;
  std::atomic<int64_t> sent_ = 0;
};

// Whether the registry would take an image.
class PushCheck {
 public:
  PushCheck(Session& session, const std::string& certificates, const LayoutFolder&, const PushOptions& options,
            Stop& stop)
      : session_(session), certificates_(certificates), options_(options), stop_(stop) {}

  void Tick() const {}

  absl::StatusOr<PushResult> Run() {
    HttpClient client(certificates_, options_.patience, stop_);
    RETURN_IF_ERROR(session_.Connect(client));
    HttpRequest request{.method = "POST"};
    ASSIGN_OR_RETURN(request.url, session_.Address("blobs/uploads/"));
    ASSIGN_OR_RETURN(const HttpResponse begun, session_.Send(client, request));
    if (!begun.success()) return session_.Failure(begun, absl::StrCat("room for ", session_.image().ToString()));
    // What is not taken back the registry forgets by itself.
    if (const auto location = ParseUrl(begun.Header("location"), request.url.text);
        location.ok() && location->origin == request.url.origin) {
      (void)session_.SendOnce(client, {.method = "DELETE", .url = *location});
    }
    RETURN_IF_ERROR(stop_.Check());
    return PushResult();
  }

 private:
  Session& session_;
  const std::string& certificates_;
  const PushOptions& options_;
  Stop& stop_;
};

}  // namespace

absl::Status CheckPush(const ImageReference& image, const RegistryOptions& options) {
  return RunTransfer<PushResult, PushCheck>(image, "pull,push", "", options).status();
}

absl::StatusOr<PushResult> PushImage(const std::string& folder, const ImageReference& image,
                                     const PushOptions& options) {
  return RunTransfer<PushResult, Push>(image, "pull,push", folder, options);
}

}  // namespace wslm::oci::registry
