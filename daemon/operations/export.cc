#include "daemon/operations/export.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "daemon/operations/distro_forms.h"
#include "daemon/operations/held_distro.h"
#include "daemon/operations/push.h"
#include "distros/disk/disk_sink.h"
#include "distros/host/byte_stream.h"
#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/files.h"
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

// What is made.
struct Format {
  // None: a tar or a container image.
  std::optional<DiskFormat> disk;
  bool is_container_image = false;
  // Of a tar.
  TarCompression compression = TarCompression::kNone;
};

// By the end of the path's name.
v1::ArchiveFormat FormatOfName(const std::string& path) {
  constexpr std::pair<std::string_view, v1::ArchiveFormat> kEnds[] = {{".vhdx", v1::ARCHIVE_FORMAT_VHDX},
                                                                      {".vhd", v1::ARCHIVE_FORMAT_VHD},
                                                                      {".qcow2", v1::ARCHIVE_FORMAT_QCOW2},
                                                                      {".img", v1::ARCHIVE_FORMAT_EXT4},
                                                                      {".ext4", v1::ARCHIVE_FORMAT_EXT4}};
  for (const auto& [end, format] : kEnds) {
    if (path.ends_with(end)) return format;
  }
  return v1::ARCHIVE_FORMAT_TAR;
}

absl::StatusOr<TarCompression> CompressionOf(const v1::ExportDistroRequest& request) {
  switch (request.compression()) {
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
      return request.has_host_path() ? TarCompressionOfName(request.host_path()) : TarCompression::kNone;
  }
}

absl::StatusOr<Format> FormatOf(const v1::ExportDistroRequest& request) {
  Format format;
  const bool is_said = request.format() != v1::ARCHIVE_FORMAT_UNSPECIFIED;
  switch (is_said ? request.format() : FormatOfName(request.host_path())) {
    case v1::ARCHIVE_FORMAT_OCI:
      format.is_container_image = true;
      return format;
    case v1::ARCHIVE_FORMAT_EXT4:
      format.disk = DiskFormat::kRaw;
      return format;
    case v1::ARCHIVE_FORMAT_VHDX:
      format.disk = DiskFormat::kVhdx;
      return format;
    case v1::ARCHIVE_FORMAT_VHD:
      format.disk = DiskFormat::kVhd;
      return format;
    case v1::ARCHIVE_FORMAT_QCOW2:
      format.disk = DiskFormat::kQcow2;
      return format;
    default: {
      ASSIGN_OR_RETURN(format.compression, CompressionOf(request));
      return format;
    }
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
                             : ErrnoError("cannot write in", folder);
    }
    RETURN_IF_ERROR(context_.NoteLeftover(part));
    RETURN_IF_ERROR(Failpoint("export.create"));
    auto response = format_.disk ? WriteDisk(*format_.disk, part) : WriteFile(part);
    absl::Status status = WithFreeSpace(response.status(), folder, size_);
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
      return status;
    }
    return response;
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
    ASSIGN_OR_RETURN(v1::OperationResponse response, Copy(*opened.source, *sink));
    struct stat status {};
    if (::stat(part.c_str(), &status) != 0) return ErrnoError("cannot look at", part);
    response.mutable_export_()->set_bytes(status.st_size);
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
    if (format_.compression == TarCompression::kNone) size_ = opened.source->total();
    if (request_.has_host_path()) RETURN_IF_ERROR(CheckFreeSpace(ParentPath(request_.host_path()), size_));
    Sum sum;
    ASSIGN_OR_RETURN(const auto sink, MakeSink(std::make_unique<SummingSink>(std::move(bytes), sum, context_)));
    ASSIGN_OR_RETURN(v1::OperationResponse response, Copy(*opened.source, *sink));
    auto* exported = response.mutable_export_();
    exported->set_bytes(sum.bytes);
    const auto digest = sum.sha256.Finish();
    exported->set_sha256(digest.data(), digest.size());
    return response;
  }

  absl::StatusOr<std::unique_ptr<Sink>> MakeSink(std::unique_ptr<ByteSink> bytes) {
    if (!format_.is_container_image) return OpenTarSink(std::move(bytes), format_.compression);
    OciExport config = OciExportOf(entry_.record);
    config.ref_name = absl::StrCat(absl::AsciiStrToLower(entry_.record.name), ":latest");
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
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 "A disk image can't be made as a stream; name a file.", {{"field", "sink"}});
  }
  if (request.has_host_path()) {
    const std::string& path = request.host_path();
    if (!path.empty() && path[0] == '/' && path.back() != '/') return absl::OkStatus();
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 "The archive's path must be absolute and name a file.", {{"field", "host_path"}});
  }
  if (request.download()) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
               "Where the archive goes is missing: host_path or download must be set.", {{"field", "sink"}});
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
