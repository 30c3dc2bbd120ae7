#include "distros/oci/registry/blob_download.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "distros/oci/blob_digest.h"
#include "distros/oci/registry/retry.h"
#include "distros/tree/sha256.h"

namespace wslm::oci::registry {
namespace {

// So much that a connection that breaks again and again still gets on.
constexpr int64_t kWorthwhile = 64 << 10;

// The first number of "bytes 100-199/200"; -1 when it is none.
int64_t StartOf(std::string_view content_range) {
  if (content_range.substr(0, 6) != "bytes ") return -1;
  content_range.remove_prefix(6);
  int64_t start = -1;
  const auto [end, error] = std::from_chars(content_range.data(), content_range.data() + content_range.size(), start);
  return error == std::errc() && start >= 0 ? start : -1;
}

class Download {
 public:
  Download(Session& session, HttpClient& client, const LayoutFolder& layout, const Descriptor& blob,
           const std::function<void(int64_t)>& on_bytes, const std::function<void(int64_t)>& on_fetched)
      : session_(session),
        client_(client),
        layout_(layout),
        blob_(blob),
        on_bytes_(on_bytes),
        on_fetched_(on_fetched),
        path_(layout.PartialPath(blob.digest)) {}

  absl::Status Run() {
    RETURN_IF_ERROR(Open());
    absl::Status status = Fetch();
    if (status.ok() && DigestText(hash_.Finish()) != blob_.digest) {
      status = Corrupt("has another digest than its manifest says");
      if (resumed_) {
        // What lay here from before may have been the fault.
        RETURN_IF_ERROR(Restart());
        status = Fetch();
        if (status.ok() && DigestText(hash_.Finish()) != blob_.digest) {
          status = Corrupt("has another digest than its manifest says");
        }
      }
    }
    if (ReasonOf(status) == reason::kCorruptSource) ::unlink(path_.c_str());
    RETURN_IF_ERROR(status);
    const std::string final_path = layout_.BlobPath(blob_.digest);
    if (::rename(path_.c_str(), final_path.c_str()) != 0) return ErrnoError("cannot name", final_path);
    return absl::OkStatus();
  }

 private:
  absl::Status Corrupt(const std::string& why) const {
    return Error(
        absl::StatusCode::kDataLoss, reason::kCorruptSource,
        absl::StrCat("The part ", blob_.digest, " of ", session_.image().ToString(), " ", why, ". It was thrown away."),
        {{"detail", absl::StrCat("a part ", why)}});
  }

  // Takes what is there from before.
  absl::Status Open() {
    RETURN_IF_ERROR(MakeFolders(ParentPath(path_)));
    ASSIGN_OR_RETURN(file_, OpenFile(path_, O_RDWR | O_CREAT | O_NOFOLLOW, 0644));
    struct stat st;
    if (::fstat(file_.get(), &st) != 0) return ErrnoError("cannot read", path_);
    if (st.st_size > blob_.size) return Restart();
    RETURN_IF_ERROR(HashFile(file_.get(), st.st_size, path_, session_.stop(), hash_));
    have_ = st.st_size;
    resumed_ = have_ > 0;
    on_bytes_(have_);
    return absl::OkStatus();
  }

  absl::Status Restart() {
    if (::ftruncate(file_.get(), 0) != 0) return ErrnoError("cannot empty", path_);
    on_bytes_(-have_);
    have_ = 0;
    resumed_ = false;
    hash_ = Sha256();
    return absl::OkStatus();
  }

  absl::Status Begin(const HttpResponse& head) {
    begun_ = true;
    if (head.code == 206) {
      if (StartOf(head.Header("content-range")) == have_) return absl::OkStatus();
      return Corrupt("came from another place in it than was asked for");
    }
    return have_ == 0 ? absl::OkStatus() : Restart();
  }

  absl::Status Take(const HttpResponse& head, std::string_view bytes) {
    if (!begun_) RETURN_IF_ERROR(Begin(head));
    if (static_cast<int64_t>(bytes.size()) > blob_.size - have_) return Corrupt("is larger than its manifest says");
    hash_.Update(bytes);
    const auto size = static_cast<int64_t>(bytes.size());
    for (int64_t at = have_; !bytes.empty();) {
      const ssize_t count = ::pwrite(file_.get(), bytes.data(), bytes.size(), at);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return ErrnoError("cannot write", path_);
      bytes.remove_prefix(static_cast<size_t>(count));
      at += count;
    }
    have_ += size;
    on_bytes_(size);
    on_fetched_(size);
    return absl::OkStatus();
  }

  // Until all bytes are there.
  absl::Status Fetch() {
    Retry retry(session_.patience(), session_.stop());
    while (have_ < blob_.size) {
      HttpRequest request;
      ASSIGN_OR_RETURN(request.url, session_.Address(absl::StrCat("blobs/", blob_.digest)));
      if (have_ > 0) request.headers.push_back(absl::StrCat("Range: bytes=", have_, "-"));
      request.on_body = [&](const HttpResponse& head, std::string_view bytes) { return Take(head, bytes); };
      begun_ = false;
      const int64_t before = have_;
      const absl::StatusOr<HttpResponse> response = session_.SendOnce(client_, request);
      // What came behind the last byte is an error; a connection that broke there is none.
      if (ReasonOf(response.status()) == reason::kCorruptSource) return response.status();
      if (have_ == blob_.size) return absl::OkStatus();
      if (have_ - before >= kWorthwhile) retry.Progressed();
      if (response.ok() && response->code == 416 && have_ > 0) {
        RETURN_IF_ERROR(Restart());
        if (retry.Again(std::chrono::milliseconds(0))) continue;
      }
      if (response.ok() && response->success()) {
        // It ended before its end, without the connection saying so.
        if (retry.Again(std::nullopt)) continue;
        RETURN_IF_ERROR(session_.stop().Check());
        return Corrupt("ends before its end, each time anew");
      }
      if (retry.Again(response)) continue;
      RETURN_IF_ERROR(session_.stop().Check());
      if (!response.ok()) return response.status();
      return session_.Failure(*response, absl::StrCat("the part ", blob_.digest, " of ", session_.image().ToString()));
    }
    return absl::OkStatus();
  }

  Session& session_;
  HttpClient& client_;
  const LayoutFolder& layout_;
  const Descriptor& blob_;
  const std::function<void(int64_t)>& on_bytes_;
  const std::function<void(int64_t)>& on_fetched_;
  const std::string path_;
  UniqueFd file_;
  // Of the first have_ bytes.
  Sha256 hash_;
  int64_t have_ = 0;
  // Whether some of them came in an earlier call.
  bool resumed_ = false;
  // Whether this response's body began.
  bool begun_ = false;
};

}  // namespace

absl::Status DownloadBlob(Session& session, HttpClient& client, const LayoutFolder& layout, const Descriptor& blob,
                          const std::function<void(int64_t)>& on_bytes,
                          const std::function<void(int64_t)>& on_fetched) {
  ASSIGN_OR_RETURN(const bool there, layout.Holds(blob, session.stop()));
  if (there) {
    on_bytes(blob.size);
    return absl::OkStatus();
  }
  return Download(session, client, layout, blob, on_bytes, on_fetched).Run();
}

}  // namespace wslm::oci::registry
