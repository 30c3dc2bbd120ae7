#include "distros/oci/oci_sink.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/invalid.h"
#include "distros/host/status_macros.h"
#include "distros/oci/blob_digest.h"
#include "distros/oci/image_config.h"
#include "distros/oci/image_files.h"
#include "distros/oci/json_document.h"
#include "distros/tar/tar_sink.h"

namespace wslm {
namespace {

constexpr size_t kLossesMax = 100;
constexpr char kLayout[] = R"({"imageLayoutVersion":"1.0.0"})";
constexpr char kManifestType[] = "application/vnd.oci.image.manifest.v1+json";

absl::Status BadOption(const char* field, std::string_view text) {
  return Invalid(field,
                 absl::StrCat("'", Escaped(text.substr(0, 300)), "' can't be the ", field, " of a container image."));
}

// UTF-8 without zero bytes: the parser takes no other.
bool IsText(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return false;
  const std::string json = Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::ignore);
  return Json::parse(json, nullptr, /*allow_exceptions=*/false) == Json(std::string(text));
}

// "debian:12" and the like as Docker's tools write them in full, with a tag; nullopt for what they would not take.
std::optional<std::string> DockerName(const std::string& ref_name) {
  const size_t slash = ref_name.rfind('/');
  const size_t colon = ref_name.find(':', slash == std::string::npos ? 0 : slash);
  const std::string name = ref_name.substr(0, colon);
  const std::string tag = colon == std::string::npos ? "latest" : ref_name.substr(colon + 1);
  const auto tag_char = [](char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  const bool tag_fits =
      !tag.empty() && tag.size() <= 128 && tag_char(tag[0]) &&
      std::all_of(tag.begin(), tag.end(), [&](char c) { return tag_char(c) || c == '.' || c == '-'; });
  const std::vector<std::string> parts = absl::StrSplit(name, '/');
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string& part = parts[i];
    const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    const bool fits = !part.empty() && plain(part.front()) && plain(part.back()) &&
                      std::all_of(part.begin(), part.end(), [&](char c) {
                        return plain(c) || c == '.' || c == '_' || c == '-' || (c == ':' && i == 0 && parts.size() > 1);
                      });
    if (!fits) return std::nullopt;
  }
  if (!tag_fits) return std::nullopt;
  return absl::StrCat(name, ":", tag);
}

// With the registry that Docker means when none is said; containerd wants it.
std::string FullName(const std::string& docker_name) {
  const size_t slash = docker_name.find('/');
  if (slash == std::string::npos) return absl::StrCat("docker.io/library/", docker_name);
  const std::string first = docker_name.substr(0, slash);
  const bool registry = absl::StrContains(first, ".") || absl::StrContains(first, ":") || first == "localhost";
  return registry ? docker_name : absl::StrCat("docker.io/", docker_name);
}

// The texts of an image with one layer.
struct Documents {
  std::string config;
  std::string manifest;
  std::string index;
  std::string docker_manifest;
  Sha256Digest config_digest{};
  Sha256Digest manifest_digest{};
};

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json Descriptor(const char* media_type, const Sha256Digest& digest, int64_t size) {
  return {{"mediaType", media_type}, {"digest", DigestText(digest)}, {"size", size}};
}

const char* LayerType(LayerCompression compression) {
  switch (compression) {
    case LayerCompression::kNone:
      return "application/vnd.oci.image.layer.v1.tar";
    case LayerCompression::kGzip:
      return "application/vnd.oci.image.layer.v1.tar+gzip";
    case LayerCompression::kZstd:
      break;
  }
  return "application/vnd.oci.image.layer.v1.tar+zstd";
}

Json RunConfig(const OciExport& options) {
  Json run = Json::object();
  if (!options.env.empty()) run["Env"] = options.env;
  if (!options.user.empty()) run["User"] = options.user;
  if (!options.working_dir.empty()) run["WorkingDir"] = options.working_dir;
  if (!options.entrypoint.empty()) run["Entrypoint"] = options.entrypoint;
  if (!options.cmd.empty()) run["Cmd"] = options.cmd;
  if (!options.labels.empty()) run["Labels"] = options.labels;
  for (const std::string& port : options.exposed_ports) run["ExposedPorts"][port] = Json::object();
  if (!options.stop_signal.empty()) run["StopSignal"] = options.stop_signal;
  return run;
}

Documents MakeDocuments(const OciExport& options, const Sha256Digest& layer, int64_t layer_size,
                        const Sha256Digest& diff_id) {
  Sha256 sha;
  Documents documents;
  Json history = {{"created_by", "wslm export"}};
  Json config = {{"architecture", options.architecture},
                 {"os", "linux"},
                 {"config", RunConfig(options)},
                 {"rootfs", {{"type", "layers"}, {"diff_ids", Json::array({DigestText(diff_id)})}}}};
  if (!options.created.empty()) config["created"] = history["created"] = options.created;
  config["history"] = Json::array({history});
  documents.config = Dump(config);
  documents.config_digest = sha.Of(documents.config);

  const Json manifest = {{"schemaVersion", 2},
                         {"mediaType", kManifestType},
                         {"config", Descriptor("application/vnd.oci.image.config.v1+json", documents.config_digest,
                                               static_cast<int64_t>(documents.config.size()))},
                         {"layers", Json::array({Descriptor(LayerType(options.compression), layer, layer_size)})}};
  documents.manifest = Dump(manifest);
  documents.manifest_digest = sha.Of(documents.manifest);

  Json entry = Descriptor(kManifestType, documents.manifest_digest, static_cast<int64_t>(documents.manifest.size()));
  entry["platform"] = {{"os", "linux"}, {"architecture", options.architecture}};
  Json docker = {{"Config", BlobPath(documents.config_digest)}, {"Layers", Json::array({BlobPath(layer)})}};
  docker["RepoTags"] = nullptr;
  if (!options.ref_name.empty()) {
    entry["annotations"]["org.opencontainers.image.ref.name"] = options.ref_name;
    if (const std::optional<std::string> name = DockerName(options.ref_name); name) {
      entry["annotations"]["io.containerd.image.name"] = FullName(*name);
      docker["RepoTags"] = Json::array({*name});
    }
  }
  documents.index = Dump({{"schemaVersion", 2},
                          {"mediaType", "application/vnd.oci.image.index.v1+json"},
                          {"manifests", Json::array({entry})}});
  documents.docker_manifest = Dump(Json::array({docker}));
  return documents;
}

// Writes the layer; what follows it is the derived classes'.
class OciSink : public Sink {
 public:
  explicit OciSink(OciExport options) : options_(std::move(options)) {
    if (options_.architecture.empty()) options_.architecture = HostPlatform().architecture;
  }

  absl::Status OpenTar(std::unique_ptr<ByteSink> file) {
    ASSIGN_OR_RETURN(auto packed, Pack(std::make_unique<HashedSink>(std::move(file), layer_), options_.compression));
    ASSIGN_OR_RETURN(tar_, OpenTarSink(std::make_unique<HashedSink>(std::move(packed), diff_), TarCompression::kNone));
    return absl::OkStatus();
  }

  absl::Status Begin(const Entry& entry) override {
    lost_ = LooksRemoved(entry.path);
    if (!lost_ && entry.is_hard_link())
      lost_ = LooksRemoved(entry.hard_link_to) || lost_links_.contains(entry.hard_link_to);
    if (!lost_) return tar_->Begin(entry);
    if (entry.is_hard_link()) lost_links_.insert(entry.path);
    if (losses_.size() < kLossesMax) {
      losses_.push_back(
          absl::StrCat(Escaped(entry.path), ": a name with '.wh.' before it means a removal in a container image"));
    }
    return absl::OkStatus();
  }
  absl::Status Write(const DataBlock& block) override { return lost_ ? absl::OkStatus() : tar_->Write(block); }
  absl::Status End() override { return lost_ ? absl::OkStatus() : tar_->End(); }

  absl::Status Commit() override {
    RETURN_IF_ERROR(tar_->Commit());
    const Sha256Digest layer = layer_.sha.Finish();
    return WriteImage(layer, layer_.size, MakeDocuments(options_, layer, layer_.size, diff_.sha.Finish()));
  }

  std::vector<std::string> losses() const override {
    std::vector<std::string> losses = losses_;
    for (std::string& loss : tar_->losses()) {
      if (losses.size() < kLossesMax) losses.push_back(std::move(loss));
    }
    return losses;
  }

 protected:
  virtual absl::Status WriteImage(const Sha256Digest& layer, int64_t size, const Documents& documents) = 0;

 private:
  static bool LooksRemoved(const std::string& path) {
    return absl::StartsWith(path, ".wh.") || absl::StrContains(path, "/.wh.");
  }

  OciExport options_;
  SinkHash layer_;
  SinkHash diff_;
  std::unique_ptr<Sink> tar_;
  bool lost_ = false;
  absl::flat_hash_set<std::string> lost_links_;
  std::vector<std::string> losses_;
};

class OciFolderSink : public OciSink {
 public:
  OciFolderSink(std::string folder, OciExport options) : OciSink(std::move(options)), folder_(std::move(folder)) {}

  absl::Status Open() {
    RETURN_IF_ERROR(MakeFolders(folder_ + "/blobs/sha256", 0755));
    ASSIGN_OR_RETURN(UniqueFd file, OpenFile(LayerPath(), O_WRONLY | O_CREAT | O_EXCL, 0644));
    return OpenTar(FdByteSink(std::move(file), LayerPath()));
  }

 private:
  std::string LayerPath() const { return folder_ + "/blobs/sha256/.layer"; }

  absl::Status WriteImage(const Sha256Digest& layer, int64_t, const Documents& documents) override {
    const std::string path = absl::StrCat(folder_, "/", BlobPath(layer));
    if (::rename(LayerPath().c_str(), path.c_str()) != 0) return ErrnoError("cannot write", path);
    RETURN_IF_ERROR(Put(BlobPath(documents.config_digest), documents.config));
    RETURN_IF_ERROR(Put(BlobPath(documents.manifest_digest), documents.manifest));
    RETURN_IF_ERROR(SyncFolder(folder_ + "/blobs/sha256"));
    RETURN_IF_ERROR(SyncFolder(folder_ + "/blobs"));
    RETURN_IF_ERROR(Put("oci-layout", kLayout));
    // Last: without it there is no image.
    return Put("index.json", documents.index);
  }

  absl::Status Put(const std::string& file, std::string_view text) {
    return WriteFileAtomically(absl::StrCat(folder_, "/", file), text, 0644);
  }

  const std::string folder_;
};

class OciArchiveSink : public OciSink {
 public:
  OciArchiveSink(std::unique_ptr<ByteSink> archive, UniqueFd scratch, std::string scratch_name, OciExport options)
      : OciSink(options),
        before_archive_(std::move(options.before_archive)),
        archive_(std::move(archive)),
        scratch_(std::make_shared<const UniqueFd>(std::move(scratch))),
        scratch_name_(std::move(scratch_name)) {}

  absl::Status Open() { return OpenTar(std::make_unique<ScratchSink>(scratch_, scratch_name_)); }

 private:
  // Like FdByteSink, less its fsync: the file is gone after this process.
  class ScratchSink : public ByteSink {
   public:
    ScratchSink(std::shared_ptr<const UniqueFd> fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}
    absl::Status Write(std::string_view bytes) override {
      while (!bytes.empty()) {
        const ssize_t count = ::write(fd_->get(), bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return ErrnoError("cannot write", name_);
        bytes.remove_prefix(static_cast<size_t>(count));
      }
      return absl::OkStatus();
    }

   private:
    const std::shared_ptr<const UniqueFd> fd_;
    const std::string name_;
  };

  absl::Status WriteImage(const Sha256Digest& layer, int64_t size, const Documents& documents) override {
    if (before_archive_) RETURN_IF_ERROR(before_archive_(size));
    ASSIGN_OR_RETURN(const auto tar, OpenTarSink(std::move(archive_), TarCompression::kNone));
    RETURN_IF_ERROR(Put(*tar, "oci-layout", kLayout));
    RETURN_IF_ERROR(Put(*tar, "index.json", documents.index));
    RETURN_IF_ERROR(Put(*tar, "manifest.json", documents.docker_manifest));
    for (const char* folder : {"blobs", "blobs/sha256"}) {
      RETURN_IF_ERROR(tar->Begin({.path = folder, .type = FileType::kDirectory, .mode = 0755}));
      RETURN_IF_ERROR(tar->End());
    }
    RETURN_IF_ERROR(Put(*tar, BlobPath(documents.config_digest), documents.config));
    RETURN_IF_ERROR(Put(*tar, BlobPath(documents.manifest_digest), documents.manifest));
    RETURN_IF_ERROR(tar->Begin({.path = BlobPath(layer), .mode = 0644, .size = size}));
    const std::unique_ptr<ByteSource> bytes = ReadPart({scratch_, 0, size}, scratch_name_);
    std::string buffer(size_t{1} << 20, '\0');
    for (int64_t done = 0;;) {
      ASSIGN_OR_RETURN(const size_t count, bytes->Read(buffer.data(), buffer.size()));
      if (count == 0) break;
      RETURN_IF_ERROR(tar->Write({done, std::string_view(buffer).substr(0, count)}));
      done += static_cast<int64_t>(count);
    }
    RETURN_IF_ERROR(tar->End());
    return tar->Commit();
  }

  static absl::Status Put(Sink& tar, const std::string& file, std::string_view text) {
    RETURN_IF_ERROR(tar.Begin({.path = file, .mode = 0644, .size = static_cast<int64_t>(text.size())}));
    RETURN_IF_ERROR(tar.Write({0, text}));
    return tar.End();
  }

  const std::function<absl::Status(int64_t)> before_archive_;
  std::unique_ptr<ByteSink> archive_;
  const std::shared_ptr<const UniqueFd> scratch_;
  const std::string scratch_name_;
};

absl::Status CheckOptions(const OciExport& options) {
  std::vector<std::pair<const char*, std::string>> texts = {
      {"architecture", options.architecture}, {"user", options.user},         {"working_dir", options.working_dir},
      {"stop_signal", options.stop_signal},   {"ref_name", options.ref_name}, {"created", options.created}};
  for (const std::string& text : options.entrypoint) texts.emplace_back("entrypoint", text);
  for (const std::string& text : options.cmd) texts.emplace_back("cmd", text);
  for (const std::string& text : options.exposed_ports) texts.emplace_back("exposed_ports", text);
  for (const std::string& text : options.env) {
    texts.emplace_back("env", text);
    if (text.find('=') == std::string::npos || text[0] == '=') return BadOption("env", text);
  }
  for (const auto& [key, value] : options.labels) {
    texts.emplace_back("labels", key);
    texts.emplace_back("labels", value);
  }
  for (const auto& [field, text] : texts) {
    if (!IsText(text)) return BadOption(field, text);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Sink>> CreateOciSink(const std::string& folder, const OciExport& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  RETURN_IF_ERROR(MakeFolders(folder, 0755));
  if (!IsEmptyFolder(folder)) {
    return Error(absl::StatusCode::kAlreadyExists, reason::kFileExists,
                 absl::StrCat(Escaped(folder), " is not empty. Name a folder that is, or none that is there."),
                 {{"path", folder}});
  }
  auto sink = std::make_unique<OciFolderSink>(folder, options);
  RETURN_IF_ERROR(sink->Open());
  return sink;
}

absl::StatusOr<std::unique_ptr<Sink>> CreateOciArchiveSink(std::unique_ptr<ByteSink> archive,
                                                           const std::string& scratch, const OciExport& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  ASSIGN_OR_RETURN(UniqueFd file, ScratchFile(scratch));
  auto sink = std::make_unique<OciArchiveSink>(std::move(archive), std::move(file), scratch, options);
  RETURN_IF_ERROR(sink->Open());
  return sink;
}

}  // namespace wslm
