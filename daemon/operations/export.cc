#include "daemon/operations/export.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "daemon/operations/distro_forms.h"
#include "daemon/operations/held_distro.h"
#include "daemon/operations/push.h"
#include "distros/disk/disk_sink.h"
#include "distros/host/byte_stream.h"
#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/files.h"
#include "distros/host/invalid.h"
#include "distros/host/status_macros.h"
#include "distros/oci/oci_sink.h"
#include "distros/tar/tar_sink.h"
#include "distros/tree/sha256.h"
#include "distros/tree/transfer.h"

namespace wslm::daemon {
namespace {

// Of an ext4 file system's label.
constexpr size_t kMaxLabel = 16;

struct Sum {
  int64_t bytes = 0;
  Sha256 sha256;
};

// Passes bytes on and sums them up, until it is cancelled: a container image's layer is written when all was read.
class SummingSink : public ByteSink {
 public:
  SummingSink(std::unique_ptr<ByteSink> next, Sum& sum, const OperationContext& context)
      : next_(std::move(next)), sum_(sum), context_(context) {}
  absl::Status Write(std::string_view bytes) override {
    RETURN_IF_ERROR(context_.CheckCancelled());
    sum_.bytes += static_cast<int64_t>(bytes.size());
    sum_.sha256.Update(bytes);
    return next_->Write(bytes);
  }
  absl::Status Finish() override { return next_->Finish(); }

 private:
  const std::unique_ptr<ByteSink> next_;
  Sum& sum_;
  const OperationContext& context_;
};

absl::Status Exists(const std::string& path) {
  return Error(absl::StatusCode::kAlreadyExists, reason::kFileExists,
               absl::StrCat(path, " is there already and is not overwritten. Choose another name or remove it."),
               {{"path", path}});
}

// By errno.
absl::Status CannotWriteIn(const std::string& folder) {
  const int error = errno;
  const char* remedy = "Name a file in a folder of yours, or have the folder's owner let you write there.";
  if (error == EROFS) remedy = "Name a file on a disk that can be written.";
  if (error == ENOTDIR) remedy = "Name a file in a folder.";
  const absl::Status status = ErrnoError("No file can be made in", folder, error);
  return Error(status.code(), error == EACCES ? reason::kPermissionDenied : ReasonOf(status),
               absl::StrCat(status.message(), ". ", remedy), MetadataOf(status));
}

// Gives the finished archive its name unless something has that name by now.
absl::Status RenameWithoutOverwriting(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return absl::OkStatus();
  if (errno == EEXIST) return Exists(to);
  // Some file systems (NFS, older FUSE) have no such rename; a link does not overwrite either.
  if (errno != EINVAL && errno != ENOSYS) return ErrnoError("cannot make", to);
  if (::link(from.c_str(), to.c_str()) != 0) return errno == EEXIST ? Exists(to) : ErrnoError("cannot make", to);
  if (::unlink(from.c_str()) != 0) return ErrnoError("cannot remove", from);
  return absl::OkStatus();
}

// The same error with `to` where it names the path `from`, of which the user does not know.
absl::Status Renamed(const absl::Status& status, const std::string& from, const std::string& to) {
  ErrorMetadata metadata = MetadataOf(status);
  if (const auto path = metadata.find("path"); path != metadata.end() && path->second == from) path->second = to;
  return Error(status.code(), ReasonOf(status), absl::StrReplaceAll(status.message(), {{Escaped(from), Escaped(to)}}),
               metadata);
}

// What is made.
struct Format {
  // None: a tar or a container image.
  std::optional<DiskFormat> disk;
  bool is_container_image = false;
  // Of a tar.
  TarCompression compression = TarCompression::kNone;
};

// By the end of the path's name.
absl::StatusOr<Format> FormatOfName(const std::string& path) {
  constexpr std::pair<std::string_view, DiskFormat> kDisks[] = {{".vhdx", DiskFormat::kVhdx},
                                                                {".vhd", DiskFormat::kVhd},
                                                                {".qcow2", DiskFormat::kQcow2},
                                                                {".img", DiskFormat::kRaw},
                                                                {".ext4", DiskFormat::kRaw}};
  const std::string name = absl::AsciiStrToLower(BaseName(path));
  for (const auto& [end, disk] : kDisks) {
    if (name.ends_with(end)) return Format{.disk = disk};
  }
  if (const auto compression = TarCompressionOfName(name); compression) return Format{.compression = *compression};
  return Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat,
               absl::StrCat("What '", Escaped(BaseName(path)),
                            "' is to be can't be told by the end of its name. End it "
                            "in .tar, .tar.gz, .tar.xz, .tar.zst, .tar.bz2, .tar.lz4, .wsl, .img, .vhdx, .vhd or "
                            ".qcow2, or say the format (--format)."),
               {{"field", "host_path"}, {"detected", name.substr(name.rfind('.'))}});
}

// None: by the end of the path's name.
std::optional<TarCompression> CompressionOf(v1::ArchiveCompression compression) {
  switch (compression) {
    case v1::ARCHIVE_COMPRESSION_NONE:
      return TarCompression::kNone;
    case v1::ARCHIVE_COMPRESSION_GZIP:
      return TarCompression::kGzip;
    case v1::ARCHIVE_COMPRESSION_XZ:
      return TarCompression::kXz;
    case v1::ARCHIVE_COMPRESSION_ZSTD:
      return TarCompression::kZstd;
    case v1::ARCHIVE_COMPRESSION_BZIP2:
      return TarCompression::kBzip2;
    case v1::ARCHIVE_COMPRESSION_LZ4:
      return TarCompression::kLz4;
    default:
      return std::nullopt;
  }
}

absl::StatusOr<Format> FormatOf(const v1::ExportDistroRequest& request) {
  const std::optional<TarCompression> compression = CompressionOf(request.compression());
  switch (request.format()) {
    case v1::ARCHIVE_FORMAT_OCI:
      return Format{.is_container_image = true};
    case v1::ARCHIVE_FORMAT_EXT4:
      return Format{.disk = DiskFormat::kRaw};
    case v1::ARCHIVE_FORMAT_VHDX:
      return Format{.disk = DiskFormat::kVhdx};
    case v1::ARCHIVE_FORMAT_VHD:
      return Format{.disk = DiskFormat::kVhd};
    case v1::ARCHIVE_FORMAT_QCOW2:
      return Format{.disk = DiskFormat::kQcow2};
    case v1::ARCHIVE_FORMAT_TAR:
      return Format{.compression = compression.value_or(
                        TarCompressionOfName(request.host_path()).value_or(TarCompression::kNone))};
    default:
      if (compression) return Format{.compression = *compression};
      return FormatOfName(request.host_path());
  }
}

class Export {
 public:
  Export(const v1::ExportDistroRequest& request, Format format, RegistryEntry entry, OperationDeps deps,
         OperationContext& context)
      : request_(request), format_(format), entry_(std::move(entry)), deps_(deps), context_(context) {}

  absl::StatusOr<v1::OperationResponse> Run(const std::optional<Download>& download) {
    if (!download) return ToFile();
    absl::StatusOr<v1::OperationResponse> response = ToDownload(*download);
    deps_.transfers.ForgetDownload(context_.id());
    if (!response.ok()) {
      const absl::Status cancelled = context_.CheckCancelled();
      download->pipe->CloseWriter(cancelled.ok() ? response.status() : cancelled);
    }
    return response;
  }

 private:
  absl::StatusOr<v1::OperationResponse> ToFile() {
    const std::string& path = request_.host_path();
    if (PathExists(path)) return Exists(path);
    const std::string folder = ParentPath(path);
    const std::string part = absl::StrCat(folder, "/.", BaseName(path).substr(0, 200), ".", context_.id(), ".part");
    if (::access(folder.c_str(), W_OK | X_OK) != 0) {
      return errno == ENOENT ? Error(absl::StatusCode::kNotFound, reason::kFileNotFound,
                                     absl::StrCat("There is no folder ", Escaped(folder), "."), {{"path", folder}})
                             : CannotWriteIn(folder);
    }
    RETURN_IF_ERROR(context_.NoteLeftover(part));
    RETURN_IF_ERROR(Failpoint("export.create"));
    auto response = format_.disk ? WriteDisk(*format_.disk, part) : WriteFile(part);
    absl::Status status = response.status();
    if (status.ok()) status = context_.PassPointOfNoReturn();
    if (status.ok()) status = context_.NoteResponse(*response);
    if (status.ok()) status = Failpoint("export.rename");
    if (status.ok()) status = RenameWithoutOverwriting(part, path);
    if (status.ok()) {
      status = SyncFolder(folder);
      if (!status.ok()) ::unlink(path.c_str());
    }
    if (!status.ok()) {
      context_.BeginPhase(v1::PROGRESS_PHASE_ROLL_BACK);
      ::unlink(part.c_str());
      return Told(status, part);
    }
    return response;
  }

  // Why there is no archive, now that nothing of it is left: what is free is what there is to write it again.
  absl::Status Told(const absl::Status& status, const std::string& part) const {
    const std::string& path = request_.host_path();
    const std::string folder = ParentPath(path);
    const auto available = FreeSpace(folder);
    const ErrorMetadata metadata = MetadataOf(status);
    const bool elsewhere = metadata.contains("free_bytes");
    if (ReasonOf(status) != reason::kDiskFull || elsewhere || !available.ok()) return Renamed(status, part, path);
    const std::string needed = size_ > 0 ? absl::StrCat("it needs about ", HumanSize(size_), ", and ") : "";
    ErrorMetadata told = {{"path", path}, {"free_bytes", absl::StrCat(*available)}};
    if (size_ > 0) told["needed_bytes"] = absl::StrCat(size_);
    return Error(status.code(), reason::kDiskFull,
                 absl::StrCat("No room for ", Escaped(path), ": ", needed, HumanSize(*available), " are free in ",
                              Escaped(folder), ". Make room there, or name a file on another disk."),
                 told);
  }

  absl::StatusOr<v1::OperationResponse> WriteFile(const std::string& part) {
    ASSIGN_OR_RETURN(UniqueFd file, OpenFile(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    return Write(FdByteSink(std::move(file), request_.host_path()));
  }

  absl::StatusOr<v1::OperationResponse> WriteDisk(DiskFormat format, const std::string& part) {
    ASSIGN_OR_RETURN(const OpenedSource opened, Open());
    size_ = opened.source->total();
    RETURN_IF_ERROR(CheckFreeSpace(ParentPath(part), size_));
    ASSIGN_OR_RETURN(const auto sink, CreateDiskSink(part, format,
                                                     {.content = size_,
                                                      .label = entry_.record.name.substr(0, kMaxLabel),
                                                      .cancel = context_.cancel_flag()}));
    // It is written raw first, and converted beside that.
    if (format != DiskFormat::kRaw) size_ *= 2;
    ASSIGN_OR_RETURN(v1::OperationResponse response, Copy(*opened.source, *sink));
    struct stat status {};
    if (::stat(part.c_str(), &status) != 0) return ErrnoError("cannot look at", part);
    // A raw image is as long as the disk, and nearly all of it holes.
    response.mutable_export_()->set_bytes(std::min<int64_t>(status.st_size, int64_t{512} * status.st_blocks));
    return response;
  }

  absl::StatusOr<v1::OperationResponse> ToDownload(const Download& download) {
    context_.OnCancel([this, pipe = download.pipe] { pipe->CloseReader(context_.CheckCancelled()); });
    ASSIGN_OR_RETURN(v1::OperationResponse response, Write(PipeSink(download.pipe)));
    response.mutable_export_()->set_download_id(context_.id());
    download.result->size = response.export_().bytes();
    download.result->sha256 = response.export_().sha256();
    download.pipe->CloseWriter(absl::OkStatus());
    RETURN_IF_ERROR(download.pipe->WaitUntilTaken());
    return response;
  }

  absl::StatusOr<OpenedSource> Open() {
    context_.BeginPhase(v1::PROGRESS_PHASE_PREPARE);
    RETURN_IF_ERROR(deps_.instances.EnsureStopped(entry_, request_.terminate()));
    return OpenDistro(entry_, context_.cancel_flag());
  }

  absl::StatusOr<v1::OperationResponse> Write(std::unique_ptr<ByteSink> bytes) {
    ASSIGN_OR_RETURN(const OpenedSource opened, Open());
    const Source& source = *opened.source;
    const bool plain = !format_.is_container_image && format_.compression == TarCompression::kNone;
    // How large the others will be shows only when they are there.
    if (plain) RETURN_IF_ERROR(CheckRoom(source.total()));
    Sum sum;
    ASSIGN_OR_RETURN(const auto sink, MakeSink(std::make_unique<SummingSink>(std::move(bytes), sum, context_)));
    absl::StatusOr<v1::OperationResponse> copied = Copy(*opened.source, *sink);
    if (!copied.ok()) {
      if (size_ == 0) size_ = Projected(sum.bytes, source);
      // What a container image was packed in lies with the distro.
      return MetadataOf(copied.status())["path"] == entry_.files_folder()
                 ? WithFreeSpace(copied.status(), entry_.files_folder(), source.total())
                 : copied.status();
    }
    v1::OperationResponse response = *std::move(copied);
    auto* exported = response.mutable_export_();
    exported->set_bytes(sum.bytes);
    const auto digest = sum.sha256.Finish();
    exported->set_sha256(digest.data(), digest.size());
    return response;
  }

  // Before `size` bytes are written, about.
  absl::Status CheckRoom(int64_t size) {
    size_ = size;
    return request_.has_host_path() ? CheckFreeSpace(ParentPath(request_.host_path()), size) : absl::OkStatus();
  }

  // How long the whole of an archive would be of which there are `written` bytes.
  static int64_t Projected(int64_t written, const Source& source) {
    if (source.position() <= 0 || source.total() <= source.position()) return written;
    const double part = static_cast<double>(source.position()) / static_cast<double>(source.total());
    return static_cast<int64_t>(static_cast<double>(written) / part);
  }

  absl::StatusOr<std::unique_ptr<Sink>> MakeSink(std::unique_ptr<ByteSink> bytes) {
    if (!format_.is_container_image) return OpenTarSink(std::move(bytes), format_.compression, context_.cancel_flag());
    OciExport config = OciExportOf(entry_.record);
    config.ref_name = absl::StrCat(absl::AsciiStrToLower(entry_.record.name), ":latest");
    config.before_archive = [this](int64_t size) { return CheckRoom(size); };
    return CreateOciArchiveSink(std::move(bytes), entry_.files_folder(), config);
  }

  absl::StatusOr<v1::OperationResponse> Copy(Source& source, Sink& sink) {
    context_.BeginPhase(v1::PROGRESS_PHASE_COPY);
    ASSIGN_OR_RETURN(const TransferResult result, Transfer(source, sink, context_.Transferring()));
    for (const auto& warning : result.warnings) context_.Warn(warning);
    v1::OperationResponse response;
    for (const auto& loss : result.losses) response.mutable_export_()->add_losses(Escaped(loss));
    return response;
  }

  const v1::ExportDistroRequest request_;
  const Format format_;
  const RegistryEntry entry_;
  const OperationDeps deps_;
  OperationContext& context_;
  // Of the archive, about; 0 when unknown.
  int64_t size_ = 0;
};

absl::Status CheckSink(const v1::ExportDistroRequest& request, const Format& format) {
  if (request.download() && format.disk) {
    return Invalid("sink", "A disk image can't be made as a stream; name a file.");
  }
  if (request.has_host_path()) {
    const std::string& path = request.host_path();
    if (!path.empty() && path[0] == '/' && path.back() != '/') return absl::OkStatus();
    return Invalid("host_path", "The archive's path must be absolute and name a file.");
  }
  if (request.download()) return absl::OkStatus();
  return Invalid("sink", "Where the archive goes is missing: host_path or download must be set.");
}

}  // namespace

absl::StatusOr<OperationPlan> PlanExport(const v1::ExportDistroRequest& request, const std::string& operation_id,
                                         OperationDeps deps) {
  ASSIGN_OR_RETURN(const Format format, FormatOf(request));
  RETURN_IF_ERROR(CheckSink(request, format));
  OperationPlan plan;
  ASSIGN_OR_RETURN(const RegistryEntry entry, HoldDistro(request.distro(), {operation_id, v1::OPERATION_KIND_EXPORT},
                                                         request.terminate(), deps, plan));
  std::optional<Download> download;
  if (request.download()) download = deps.transfers.BeginDownload(operation_id);
  plan.work = [deps, request, format, entry, download](OperationContext& context) {
    return Export(request, format, entry, deps, context).Run(download);
  };
  return plan;
}

}  // namespace wslm::daemon
