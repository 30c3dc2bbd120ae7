#include "distros/oci/container_image.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "distros/host/byte_stream.h"
#include "distros/host/files.h"
#include "distros/oci/archive_members.h"
#include "distros/oci/blob_digest.h"
#include "distros/tar/detect.h"
#include "distros/tar/gunzip.h"
#include "distros/tar/unpack.h"

namespace wslm {
namespace {

constexpr size_t kHead = size_t{1} << 20;
constexpr size_t kUnpackedMax = size_t{4} << 20;
constexpr int64_t kAnySize = int64_t{1} << 62;

class ViewSource : public ByteSource {
 public:
  explicit ViewSource(std::string_view bytes) : bytes_(bytes) {}
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    const size_t count = std::min(size, bytes_.size());
    std::memcpy(buffer, bytes_.data(), count);
    bytes_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view bytes_;
};

// As much as the source gives before it ends or fails, which it will: its end is not there.
std::string Unpacked(std::unique_ptr<ByteSource> source) {
  std::string bytes(kUnpackedMax, '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    const size_t wanted = std::min<size_t>(bytes.size() - filled, 4096);
    const absl::StatusOr<size_t> count = source->Read(bytes.data() + filled, wanted);
    if (!count.ok() || *count == 0) break;
    filled += *count;
  }
  bytes.resize(filled);
  return bytes;
}

bool IsRootFolder(absl::string_view name) {
  constexpr absl::string_view kFolders[] = {"bin",   "boot",  "dev", "etc", "home", "lib",  "lib32",
                                            "lib64", "media", "mnt", "nix", "opt",  "proc", "root",
                                            "run",   "sbin",  "srv", "sys", "tmp",  "usr",  "var"};
  return std::find(std::begin(kFolders), std::end(kFolders), name) != std::end(kFolders);
}

bool IsImagePart(absl::string_view name) {
  constexpr absl::string_view kNames[] = {"oci-layout", "index.json", "manifest.json", "repositories", "blobs"};
  if (std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames)) return true;
  absl::ConsumePrefix(&name, "sha256:");
  absl::ConsumeSuffix(&name, ".gz");
  if (!absl::ConsumeSuffix(&name, ".tar")) absl::ConsumeSuffix(&name, ".json");
  return IsDigestHex({name.data(), name.size()});
}

bool IsImageFolder(const std::string& path) {
  const auto has = [&](const char* file) { return PathExists(absl::StrCat(path, "/", file)); };
  return has("oci-layout") || (has("index.json") && has("blobs")) || (has("manifest.json") && !has("etc"));
}

}  // namespace

bool BeginsLikeContainerImage(std::string_view head) {
  std::string unpacked;
  ContentKind kind = DetectContent(head.substr(0, kDetectBytes));
  if (kind == ContentKind::kGzip || kind == ContentKind::kCompressed) {
    auto packed = std::make_unique<ViewSource>(head);
    unpacked = Unpacked(kind == ContentKind::kGzip ? Gunzip(std::move(packed), "") : Unpack(std::move(packed), ""));
    head = unpacked;
    kind = DetectContent(head.substr(0, kDetectBytes));
  }
  if (kind != ContentKind::kTar) return false;
  const auto read = [&](int64_t offset, char* buffer, size_t size) -> absl::StatusOr<size_t> {
    const std::string_view rest = head.substr(std::min(head.size(), static_cast<size_t>(offset)));
    const size_t count = std::min(size, rest.size());
    std::memcpy(buffer, rest.data(), count);
    return count;
  };
  bool parts = false;
  bool root = false;
  // Its end is somewhere else: all that counts is what it saw before.
  (void)WalkMembers(read, kAnySize, "", [&](const std::string& path, const ArchiveMember&) {
    const absl::string_view first = absl::string_view(path).substr(0, path.find('/'));
    parts = parts || IsImagePart(first);
    root = root || IsRootFolder(first);
    return !root;
  });
  return parts && !root;
}

bool LooksLikeContainerImage(const std::string& path) {
  absl::StatusOr<UniqueFd> fd = OpenFile(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat st;
  if (!fd.ok() || ::fstat(fd->get(), &st) != 0) return false;
  if (S_ISDIR(st.st_mode)) return IsImageFolder(path);
  if (!S_ISREG(st.st_mode)) return false;
  std::string head(kHead, '\0');
  size_t filled = 0;
  while (filled < head.size()) {
    const ssize_t count = ::pread(fd->get(), head.data() + filled, head.size() - filled, static_cast<off_t>(filled));
    if (count <= 0) break;
    filled += static_cast<size_t>(count);
  }
  return BeginsLikeContainerImage(std::string_view(head).substr(0, filled));
}

}  // namespace wslm
