// Bytes as a container image, through the whole import but for the disk. The first line is one letter and the image's
// name:
//  r  the rest is the archive itself;
//  a  the rest is the archive's files, f the files of a folder: parts between lines of "=====", each a line with the
//     file's name and then its content. In names and in JSON, "@N" stands for the digest of part N, "#N" for its size
//     and "%N" for the digest of what it holds unpacked: so changes get beyond the digests. JSON sees the parts before
//     it, a name its own, too.
#include <filesystem>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distros/host/test_bytes.h"
#include "distros/oci/blob_digest.h"
#include "distros/oci/container_image.h"
#include "distros/oci/oci_source.h"
#include "distros/tar/detect.h"
#include "distros/tar/test_tar.h"
#include "distros/tar/unpack.h"
#include "distros/tree/transfer.h"
#include "tests/fuzz/checking_sink.h"

using namespace wslm;

namespace {

constexpr size_t kUnpackedMax = size_t{8} << 20;
constexpr size_t kPartsMax = 16;

struct Part {
  std::string name;
  std::string content;
};

std::string UnpackedDigest(const std::string& content) {
  if (DetectContent(content) != ContentKind::kGzip && DetectContent(content) != ContentKind::kCompressed) {
    return DigestOfBytes(content);
  }
  const std::unique_ptr<ByteSource> bytes = Unpack(std::make_unique<StringSource>(content, 4096), "part");
  std::string unpacked;
  std::vector<char> buffer(65536);
  while (unpacked.size() < kUnpackedMax) {
    const absl::StatusOr<size_t> count = bytes->Read(buffer.data(), buffer.size());
    if (!count.ok() || *count == 0) break;
    unpacked.append(buffer.data(), *count);
  }
  return DigestOfBytes(unpacked);
}

std::string Expanded(std::string_view text, const std::vector<Part>& before) {
  std::string expanded;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t number = i + 1 < text.size() ? static_cast<size_t>(text[i + 1] - '0') : before.size();
    const bool refers = (text[i] == '@' || text[i] == '#' || text[i] == '%') && number < before.size();
    if (!refers) {
      expanded += text[i];
      continue;
    }
    const std::string& content = before[number].content;
    if (text[i] == '@') expanded += DigestOfBytes(content);
    if (text[i] == '#') absl::StrAppend(&expanded, content.size());
    if (text[i] == '%') expanded += UnpackedDigest(content);
    ++i;
  }
  return expanded;
}

std::vector<Part> PartsOf(std::string_view rest) {
  constexpr std::string_view kBetween = "\n=====\n";
  std::vector<Part> parts;
  while (!rest.empty() && parts.size() < kPartsMax) {
    const size_t end = std::min(rest.find(kBetween), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + kBetween.size(), rest.size()));
    const size_t line = std::min(part.find('\n'), part.size());
    const std::string_view content = part.substr(std::min(line + 1, part.size()));
    const bool json = !content.empty() && (content[0] == '{' || content[0] == '[');
    parts.push_back({"", json ? Expanded(content, parts) : std::string(content)});
    std::string name = Expanded(part.substr(0, line), parts);
    // As blobs are called.
    if (const size_t digest = name.find("/sha256:"); digest != std::string::npos) name[digest + 7] = '/';
    parts.back().name = std::move(name);
  }
  return parts;
}

std::string Archive(const std::vector<Part>& parts) {
  std::string archive;
  for (const Part& part : parts) archive += TarMember({.name = part.name.substr(0, 99), .content = part.content});
  return archive + TarEnd();
}

// Only what names a file in it: the reader is to be tried, not the harness.
void WriteFolder(const std::vector<Part>& parts, const std::string& folder) {
  for (const Part& part : parts) {
    const size_t plain =
        part.name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-_.");
    if (plain != std::string::npos || absl::StrCat("/", part.name, "/").find("/../") != std::string::npos) continue;
    const std::filesystem::path path = folder + "/" + part.name;
    std::error_code ignored;
    std::filesystem::create_directories(path.parent_path(), ignored);
    std::ofstream(path, std::ios::binary) << part.content;
  }
}

void Read(const std::string& path, const std::string& scratch, const std::string& ref_name) {
  LooksLikeContainerImage(path);
  absl::StatusOr<OciImage> image =
      OpenOciSource(path, {.platform = "linux/amd64", .ref_name = ref_name, .scratch = scratch});
  if (!image.ok()) return;
  FUZZ_CHECK(image->config.platform.os == "linux");
  fuzz::CheckingSink sink;
  const Limits limits = {.entries = 2000, .file_bytes = 8 << 20, .total_bytes = 8 << 20};
  Transfer(*image->source, sink, {.limits = limits}).IgnoreError();
  FUZZ_CHECK(image->source->position() >= 0 && image->source->position() <= image->source->total());
  FUZZ_CHECK(image->source->warnings().size() <= 200);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::ScratchFolder folder;
  std::string_view rest = fuzz::TextOf(data, size);
  const size_t line = std::min(rest.find('\n'), rest.size());
  if (line == 0) return 0;
  const char kind = rest[0];
  const std::string_view ref_name = rest.substr(1, line - 1);
  rest.remove_prefix(std::min(line + 1, rest.size()));
  std::vector<Part> parts;
  if (kind == 'f' || kind == 'a') parts = PartsOf(rest);
  if (kind == 'f') {
    const std::string image = folder.path() + "/image";
    WriteFolder(parts, image);
    Read(image, folder.path(), Expanded(ref_name, parts));
    folder.Clear();
    return 0;
  }
  const fuzz::MemoryFile file(kind == 'a' ? Archive(parts) : std::string(rest));
  Read(file.path(), folder.path(), Expanded(ref_name, parts));
  return 0;
}
