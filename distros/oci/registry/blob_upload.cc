#include "distros/oci/registry/blob_upload.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/oci/blob_digest.h"
#include "distros/oci/registry/retry.h"

namespace wslm::oci::registry {
namespace {

// How many bytes "0-99", or "bytes=0-99", says are there. "0-0" is what a new upload says: none.
std::optional<int64_t> Received(const HttpResponse& response) {
  std::string range = response.Header("range");
  if (absl::StartsWith(range, "bytes=")) range = range.substr(6);
  if (!absl::StartsWith(range, "0-")) return std::nullopt;
  int64_t last = 0;
  if (!absl::SimpleAtoi(range.substr(2), &last) || last < 0) return std::nullopt;
  return last == 0 ? 0 : last + 1;
}

class Upload {
 public:
  Upload(Session& session, HttpClient& client, int file, const Descriptor& blob, int64_t chunk_size,
         const std::function<void(int64_t)>& on_bytes)
      : session_(session),
        client_(client),
        file_(file),
        blob_(blob),
        chunk_size_(chunk_size),
        on_bytes_(on_bytes),
        what_(absl::StrCat("room for the part ", blob.digest)) {}

  absl::Status Run() {
    Retry retry(session_.patience(), session_.stop());
    while (true) {
      const int64_t before = sent_;
      const absl::StatusOr<HttpResponse> response = Step();
      if (response.ok() && response->success()) {
        if (finished_) return CheckDigest(*response);
        if (sent_ > before) retry.Progressed();
        continue;
      }
      if (response.ok() && TakesNoPieces(response->code)) {
        chunk_size_ = blob_.size;
        Restart();
        continue;
      }
      // An upload that the registry forgot, or a piece that doesn't fit what it has, begins anew.
      const bool lost = response.ok() && (response->code == 404 || response->code == 416) && !location_.text.empty();
      if (lost ? !retry.Again(std::nullopt) : !retry.Again(response)) {
        RETURN_IF_ERROR(session_.stop().Check());
        if (!response.ok()) return response.status();
        return session_.Failure(*response, what_);
      }
      finished_ = false;
      if (lost) {
        Restart();
      } else {
        RETURN_IF_ERROR(AskHowMuch());
      }
    }
  }

 private:
  // Whether this is how a registry refuses the first of several pieces: then all goes in one.
  bool TakesNoPieces(int code) const {
    const bool first_piece = !location_.text.empty() && sent_ == 0 && blob_.size > chunk_size_;
    return first_piece && (code == 400 || code == 405 || code == 411 || code == 415 || code == 501);
  }

  // The next request of the upload.
  absl::StatusOr<HttpResponse> Step() {
    if (location_.text.empty()) return Start();
    if (blob_.size > chunk_size_ && sent_ < blob_.size) return SendChunk();
    return Finish();
  }

  absl::StatusOr<HttpResponse> Start() {
    HttpRequest request{.method = "POST"};
    ASSIGN_OR_RETURN(request.url, session_.Address("blobs/uploads/"));
    ASSIGN_OR_RETURN(HttpResponse response, session_.SendOnce(client_, request));
    if (response.success()) {
      RETURN_IF_ERROR(Follow(response, request.url));
      int64_t least = 0;
      if (absl::SimpleAtoi(response.Header("oci-chunk-min-length"), &least)) chunk_size_ = std::max(chunk_size_, least);
    }
    return response;
  }

  absl::StatusOr<HttpResponse> SendChunk() {
    const int64_t size = std::min(chunk_size_, blob_.size - sent_);
    HttpRequest request{.method = "PATCH",
                        .url = location_,
                        .headers = {"Content-Type: application/octet-stream",
                                    absl::StrCat("Content-Range: ", sent_, "-", sent_ + size - 1)},
                        .file = file_,
                        .file_offset = sent_,
                        .file_size = size,
                        .on_sent = on_bytes_};
    ASSIGN_OR_RETURN(HttpResponse response, session_.SendOnce(client_, request));
    if (response.success()) {
      RETURN_IF_ERROR(Follow(response, request.url));
      sent_ += size;
    }
    return response;
  }

  // The whole blob in one piece, or nothing but the end of one that came in several.
  absl::StatusOr<HttpResponse> Finish() {
    HttpRequest request{.method = "PUT",
                        .headers = {"Content-Type: application/octet-stream"},
                        .file = file_,
                        .file_offset = sent_,
                        .file_size = blob_.size - sent_,
                        .on_sent = on_bytes_};
    const bool has_query = absl::StrContains(location_.text, '?');
    ASSIGN_OR_RETURN(request.url, ParseUrl(absl::StrCat(location_.text, has_query ? "&" : "?",
                                                        "digest=", QueryEscaped(blob_.digest))));
    ASSIGN_OR_RETURN(HttpResponse response, session_.SendOnce(client_, request));
    finished_ = response.success();
    return response;
  }

  // Where the upload goes on.
  absl::Status Follow(const HttpResponse& response, const Url& from) {
    absl::StatusOr<Url> next = ParseUrl(response.Header("location"), from.text);
    if (!next.ok() || (from.encrypted() && !next->encrypted())) {
      return NetworkError(
          absl::StatusCode::kFailedPrecondition, from.host,
          absl::StrCat(session_.image().registry, " names no address to send the image to that can be used."),
          "no usable address for an upload");
    }
    location_ = *std::move(next);
    return absl::OkStatus();
  }

  void Restart() {
    on_bytes_(-sent_);
    sent_ = 0;
    location_ = {};
  }

  // After a break.
  absl::Status AskHowMuch() {
    if (location_.text.empty()) return absl::OkStatus();
    if (sent_ == 0) {
      Restart();
      return absl::OkStatus();
    }
    const HttpRequest request{.url = location_};
    const absl::StatusOr<HttpResponse> response = session_.Send(client_, request);
    RETURN_IF_ERROR(session_.stop().Check());
    const std::optional<int64_t> received =
        response.ok() && response->success() ? Received(*response) : std::optional<int64_t>();
    if (!received || *received > blob_.size || !Follow(*response, request.url).ok()) {
      Restart();
      return absl::OkStatus();
    }
    on_bytes_(*received - sent_);
    sent_ = *received;
    return absl::OkStatus();
  }

  absl::Status CheckDigest(const HttpResponse& response) const {
    const std::string said = response.Header("docker-content-digest");
    if (said.empty() || said == blob_.digest) return absl::OkStatus();
    return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
                 absl::StrCat(session_.image().registry, " has something else than was sent as ", blob_.digest, "."),
                 {{"detail", "the registry says another digest"}});
  }

  Session& session_;
  HttpClient& client_;
  const int file_;
  const Descriptor& blob_;
  int64_t chunk_size_;
  const std::function<void(int64_t)>& on_bytes_;
  const std::string what_;
  // Where the upload goes on; none before it began.
  Url location_;
  // What the registry has.
  int64_t sent_ = 0;
  bool finished_ = false;
};

}  // namespace

absl::StatusOr<bool> UploadBlob(Session& session, HttpClient& client, const LayoutFolder& layout,
                                const Descriptor& blob, int64_t chunk_size,
                                const std::function<void(int64_t)>& on_bytes) {
  ASSIGN_OR_RETURN(const UniqueFd file, layout.OpenBlob(blob));
  Sha256 hash;
  RETURN_IF_ERROR(HashFile(file.get(), blob.size, layout.BlobPath(blob.digest), session.stop(), hash));
  if (DigestText(hash.Finish()) != blob.digest) {
    return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
                 absl::StrCat("The blob ", Escaped(layout.BlobPath(blob.digest)),
                              " has another digest than its name says. It was not sent."),
                 {{"detail", "a blob has another digest than its name says"}});
  }
  HttpRequest head{.method = "HEAD"};
  ASSIGN_OR_RETURN(head.url, session.Address(absl::StrCat("blobs/", blob.digest)));
  ASSIGN_OR_RETURN(const HttpResponse known, session.Send(client, head));
  int64_t size = 0;
  if (known.success() && (!absl::SimpleAtoi(known.Header("content-length"), &size) || size == blob.size)) {
    on_bytes(blob.size);
    return false;
  }
  if (known.code == 401 || known.code == 403) return session.Failure(known, "the image");
  RETURN_IF_ERROR(Upload(session, client, file.get(), blob, std::max<int64_t>(chunk_size, 1), on_bytes).Run());
  return true;
}

}  // namespace wslm::oci::registry
