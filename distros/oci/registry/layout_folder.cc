#include "distros/oci/registry/layout_folder.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/remove_tree.h"
#include "distros/host/status_macros.h"
#include "distros/oci/blob_digest.h"
#include "distros/oci/json_document.h"

namespace wslm::oci::registry {
namespace {

constexpr char kLayoutFile[] = R"({"imageLayoutVersion":"1.0.0"})";
constexpr size_t kBuffer = size_t{1} << 20;

absl::StatusOr<std::vector<std::string>> NamesIn(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), &::closedir);
  if (folder == nullptr) return ErrnoError("cannot list", path);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  return names;
}

bool IsOfALayout(const std::string& name) {
  // What a crash may leave of an atomic write begins so.
  return name == "oci-layout" || name == "index.json" || name == "blobs" || name == ".partial" ||
         absl::StartsWith(name, ".index.json.tmp-") || absl::StartsWith(name, ".oci-layout.tmp-");
}

absl::Status Damaged(const std::string& path, const std::string& why) {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
               absl::StrCat("The blob ", Escaped(path), " ", why, "."), {{"detail", absl::StrCat("the blob ", why)}});
}

}  // namespace

absl::Status HashFile(int fd, int64_t size, const std::string& path, const Stop& stop, Sha256& hash,
                      const std::function<void(int64_t)>& on_read) {
  std::vector<char> buffer(kBuffer);
  for (int64_t offset = 0; offset < size;) {
    RETURN_IF_ERROR(stop.Check());
    const size_t wanted = std::min(buffer.size(), static_cast<size_t>(size - offset));
    const ssize_t count = ::pread(fd, buffer.data(), wanted, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return ErrnoError("cannot read", path, count == 0 ? EIO : errno);
    hash.Update({buffer.data(), static_cast<size_t>(count)});
    offset += count;
    if (on_read) on_read(count);
  }
  return absl::OkStatus();
}

std::string LayoutFolder::BlobPath(const std::string& digest) const {
  return absl::StrCat(path_, "/blobs/sha256/", digest.substr(7));
}

std::string LayoutFolder::PartialPath(const std::string& digest) const {
  return absl::StrCat(path_, "/.partial/", digest.substr(7));
}

absl::Status LayoutFolder::Prepare() const {
  RETURN_IF_ERROR(MakeFolders(path_));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(path_));
  for (const std::string& name : names) {
    if (IsOfALayout(name)) continue;
    return Error(absl::StatusCode::kAlreadyExists, reason::kFileExists,
                 absl::StrCat("The folder ", Escaped(path_), " holds ", Escaped(name),
                              ", which is no part of an image. Name a new or an empty folder."),
                 {{"path", path_}});
  }
  return MakeFolders(absl::StrCat(path_, "/blobs/sha256"));
}

absl::StatusOr<UniqueFd> LayoutFolder::OpenBlob(const Descriptor& blob) const {
  const std::string path = BlobPath(blob.digest);
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file && errno != ENOENT && errno != ELOOP) return ErrnoError("cannot open", path);
  struct stat st;
  if (!file || ::fstat(file.get(), &st) != 0 || !S_ISREG(st.st_mode)) return Damaged(path, "is missing");
  if (st.st_size != blob.size) return Damaged(path, "has another size than the manifest says");
  return file;
}

absl::StatusOr<bool> LayoutFolder::Holds(const Descriptor& blob, const Stop& stop) const {
  const absl::StatusOr<UniqueFd> file = OpenBlob(blob);
  if (!file.ok()) {
    if (ReasonOf(file.status()) == reason::kCorruptSource) return false;
    return file.status();
  }
  Sha256 hash;
  RETURN_IF_ERROR(HashFile(file->get(), blob.size, BlobPath(blob.digest), stop, hash));
  return DigestText(hash.Finish()) == blob.digest;
}

int64_t LayoutFolder::BytesOf(const Descriptor& blob) const {
  struct stat st;
  for (const std::string& path : {BlobPath(blob.digest), PartialPath(blob.digest)}) {
    if (::lstat(path.c_str(), &st) == 0) return std::min<int64_t>(st.st_size, blob.size);
  }
  return 0;
}

absl::Status LayoutFolder::Put(const std::string& digest, const std::string& bytes) const {
  return WriteFileAtomically(BlobPath(digest), bytes, 0644);
}

absl::StatusOr<std::string> LayoutFolder::Read(const Descriptor& blob) const {
  const std::string path = BlobPath(blob.digest);
  ASSIGN_OR_RETURN(const UniqueFd file, OpenBlob(blob));
  ASSIGN_OR_RETURN(const std::string bytes, ReadSmallFile(absl::StrCat("/proc/self/fd/", file.get()), kDocumentMax));
  if (static_cast<int64_t>(bytes.size()) != blob.size || DigestOfBytes(bytes) != blob.digest) {
    return Damaged(path, "has another digest than its name says");
  }
  return bytes;
}

absl::Status LayoutFolder::RemoveOthers(const std::set<std::string>& digests) const {
  const std::string folder = absl::StrCat(path_, "/blobs/sha256");
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(folder));
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(folder, "/", name);
    // Blobs, and what a crash left of an atomic write.
    const bool ours = IsDigestHex(name) || absl::StrContains(name, ".tmp-");
    if (!ours || digests.contains(absl::StrCat("sha256:", name))) continue;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return ErrnoError("cannot remove", path);
  }
  return RemoveTree(absl::StrCat(path_, "/.partial"));
}

absl::Status LayoutFolder::Finish(const Manifest& image, const Descriptor& manifest, const Platform& platform,
                                  const std::string& tag) const {
  Json entry = {{"mediaType", image.media_type},
                {"digest", manifest.digest},
                {"size", manifest.size},
                {"platform", {{"os", platform.os}, {"architecture", platform.architecture}}}};
  if (!platform.variant.empty()) entry["platform"]["variant"] = platform.variant;
  if (!tag.empty()) entry["annotations"] = {{"org.opencontainers.image.ref.name", tag}};
  const Json index = {{"schemaVersion", 2},
                      {"mediaType", "application/vnd.oci.image.index.v1+json"},
                      {"manifests", Json::array({entry})}};
  RETURN_IF_ERROR(WriteFileAtomically(absl::StrCat(path_, "/oci-layout"), kLayoutFile, 0644));
  // The registry's text may be no UTF-8.
  RETURN_IF_ERROR(WriteFileAtomically(absl::StrCat(path_, "/index.json"),
                                      index.dump(-1, ' ', false, Json::error_handler_t::replace), 0644));
  std::set<std::string> digests = {manifest.digest};
  for (const Descriptor& blob : image.Blobs()) digests.insert(blob.digest);
  return RemoveOthers(digests);
}

}  // namespace wslm::oci::registry
