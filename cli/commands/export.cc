#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/commands/host_path.h"
#include "cli/exit_codes.h"
#include "cli/operations/download.h"
#include "cli/operations/operation_follower.h"
#include "cli/output/units.h"
#include "distros/host/error.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/distro_service.grpc.pb.h"
#include "wslm/v1/operation.grpc.pb.h"

namespace wslm::cli {
namespace {

class ExportCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "export"; }
  std::string summary() const override { return "Write a distro into an archive"; }
  std::string usage() const override { return "export NAME FILE|- [OPTIONS]"; }
  std::string details() const override {
    return "FILE must not exist; it appears when it is complete. - writes to standard output, a plain tar unless\n"
           "--format says otherwise. Without --format the end of FILE's name tells: .tar, .gz, .xz, .zst, .bz2, .lz4,\n"
           ".wsl (a .tar.gz), .vhdx, .vhd, .qcow2, .img; without an end it is a plain tar. oci is a container image "
           "that\n"
           "docker and podman load; vhdx, vhd, qcow2 and ext4 are disk images.";
  }

  absl::StatusOr<int> Run() override {
    const bool to_stdout = file_ == "-";
    if (to_stdout && isatty(STDOUT_FILENO) != 0) {
      return absl::InvalidArgumentError("Standard output is a terminal; send the archive to a file or a program.");
    }
    SignalFd signals({SIGINT});
    v1::ExportDistroRequest request;
    request.set_distro(name_);
    request.set_compression(Compression());
    request.set_format(Format());
    request.set_terminate(terminate_);
    request.set_request_id(NewUuid());
    request.set_requestor("wslm export");
    if (to_stdout) {
      request.set_download(true);
    } else {
      ASSIGN_OR_RETURN(*request.mutable_host_path(), AbsolutePath(file_));
    }
    ASSIGN_OR_RETURN(const v1::ExportDistroResponse begun,
                     client_.Call(&v1::DistroService::Stub::ExportDistro, request));
    FollowOptions options;
    options.done = [this](const v1::Operation& operation) {
      return absl::StrCat("Exported ", Escaped(name_), " (", ShowBytes(operation.response().export_().bytes()), ")");
    };
    OperationFollower follower(client_, console_, signals);
    if (!to_stdout) return follower.Follow(begun.operation().id(), options);
    return FollowDownload(follower, begun.operation().id(), std::move(options));
  }

 protected:
  void AddArguments(Arguments& arguments) override {
    arguments.Word("NAME", name_);
    arguments.Word("FILE", file_);
    arguments.Option(
        "--format", "FORMAT", format_, "tar, tar.gz, tar.xz, tar.zst, tar.bz2, tar.lz4, oci, vhdx, vhd, qcow2 or ext4",
        {"tar", "tar.gz", "tar.xz", "tar.zst", "tar.bz2", "tar.lz4", "oci", "vhdx", "vhd", "qcow2", "ext4"});
    arguments.Flag("--terminate", terminate_, "End the distro's sessions instead of refusing");
  }

 private:
  v1::ArchiveFormat Format() const {
    if (format_.starts_with("tar")) return v1::ARCHIVE_FORMAT_TAR;
    if (format_ == "oci") return v1::ARCHIVE_FORMAT_OCI;
    if (format_ == "vhdx") return v1::ARCHIVE_FORMAT_VHDX;
    if (format_ == "vhd") return v1::ARCHIVE_FORMAT_VHD;
    if (format_ == "qcow2") return v1::ARCHIVE_FORMAT_QCOW2;
    return format_ == "ext4" ? v1::ARCHIVE_FORMAT_EXT4 : v1::ARCHIVE_FORMAT_UNSPECIFIED;
  }

  v1::ArchiveCompression Compression() const {
    if (format_ == "tar.gz") return v1::ARCHIVE_COMPRESSION_GZIP;
    if (format_ == "tar.xz") return v1::ARCHIVE_COMPRESSION_XZ;
    if (format_ == "tar.zst") return v1::ARCHIVE_COMPRESSION_ZSTD;
    if (format_ == "tar.bz2") return v1::ARCHIVE_COMPRESSION_BZIP2;
    if (format_ == "tar.lz4") return v1::ARCHIVE_COMPRESSION_LZ4;
    return format_ == "tar" ? v1::ARCHIVE_COMPRESSION_NONE : v1::ARCHIVE_COMPRESSION_UNSPECIFIED;
  }

  absl::StatusOr<int> FollowDownload(OperationFollower& follower, const std::string& id, FollowOptions options) {
    // A reader that went away is an error of a write, not the end of this process: the export is to be rolled back.
    signal(SIGPIPE, SIG_IGN);
    ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, client_.Channel());
    Download download(channel, id, STDOUT_FILENO);
    bool cancelled = false;
    options.on_interrupt = OnInterrupt::kCancelAndStay;
    options.check = [&] { return download.Wait(); };
    options.meanwhile = [&] {
      if (!download.failed_to_write() || cancelled) return;
      cancelled = true;
      v1::CancelOperationRequest request;
      request.set_id(id);
      // Where it fails the daemon finds by itself that nobody reads.
      (void)client_.Call(&v1::OperationService::Stub::CancelOperation, request);
    };
    const absl::StatusOr<int> code = follower.Follow(id, options);
    if (download.write_errno() == EPIPE) return kExitBrokenPipe;
    if (download.failed_to_write()) return download.Wait();
    return code;
  }

  std::string name_;
  std::string file_;
  std::string format_;
  bool terminate_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeExportCommand(Client& client, Console& console) {
  return std::make_unique<ExportCommand>(client, console);
}

}  // namespace wslm::cli
