#include "daemon/services/disk_service.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "daemon/server/unary.h"
#include "daemon/services/open_disk.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/invalid.h"
#include "distros/host/status_macros.h"
#include "distros/registry/record.h"

namespace wslm::daemon {
namespace {

// Linux' SCSI disks have no more.
constexpr uint32_t kLastPartition = 15;

// What the disk is called where nobody says: the file's name, less what a name can't have.
std::string NameFrom(const std::string& source, uint32_t partition) {
  std::string name;
  for (const char c : BaseName(source)) {
    const bool taken = absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
    name += taken ? c : '_';
  }
  while (name.starts_with('.') || name.starts_with('-')) name.erase(0, 1);
  if (partition != 0) absl::StrAppend(&name, "p", partition);
  return name;
}

absl::Status CheckDiskName(const std::string& name) {
  // It is part of a path, as a distro's is.
  if (CheckDistroName(name).ok()) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidName,
               absl::StrCat("'", Escaped(name.substr(0, 100)),
                            "' can't be a disk's name: it must be 1 to 64 of A-Z a-z 0-9 . _ - and not begin with "
                            "'-' or '.'. 'wslm mount --name' says another."),
               {{"name", name}});
}

// Whether both lead to one file, which may be gone by now.
bool IsSame(const std::string& path, const std::string& other) {
  std::error_code error;
  return path == other || std::filesystem::equivalent(path, other, error);
}

absl::Status CheckRequest(const v1::MountDiskRequest& request) {
  if (!request.source().starts_with('/')) return Invalid("source", "The disk's path must be absolute.");
  if (request.partition() > kLastPartition) {
    return Invalid("partition", absl::StrCat("Partitions are counted from 1 to ", kLastPartition, "."));
  }
  if (request.bare() && (request.partition() != 0 || !request.type().empty() || !request.options().empty())) {
    return Invalid("bare", "A bare disk is not mounted, so it takes no partition, type or options.");
  }
  return absl::OkStatus();
}

}  // namespace

v1::Disk ToDisk(const runtime::v1::SharedDisk& disk) {
  v1::Disk result;
  result.set_name(Escaped(disk.name));
  result.set_source(Escaped(disk.source));
  result.set_format(disk.format);
  result.set_type(Escaped(disk.type));
  result.set_options(Escaped(disk.options));
  result.set_partition(disk.partition);
  result.set_bare(disk.bare);
  result.set_device(Escaped(disk.device));
  result.set_read_only(disk.read_only);
  return result;
}

absl::Status DiskService::Mount(const v1::MountDiskRequest& request, v1::MountDiskResponse& response) {
  RETURN_IF_ERROR(CheckRequest(request));
  runtime::v1::SharedDisk wanted{
      .name = request.name().empty() ? NameFrom(request.source(), request.partition()) : request.name(),
      .source = request.source(),
      .type = request.type(),
      .options = request.options(),
      .partition = request.partition(),
      .bare = request.bare()};
  for (const auto& there : host_.shared_disks()) {
    if (there.name != wanted.name && !IsSame(there.source, wanted.source)) continue;
    return Error(
        absl::StatusCode::kAlreadyExists, reason::kFileExists,
        absl::StrCat(Escaped(there.source), " is mounted as '", Escaped(there.name), "' already. 'wslm unmount ",
                     Escaped(there.name), "' ends that, 'wslm mount --name' takes another name."),
        {{"path", there.source}});
  }
  ASSIGN_OR_RETURN(OpenedDisk opened, OpenDisk(request.source()));
  RETURN_IF_ERROR(CheckDiskName(wanted.name));
  wanted.format = opened.format;
  wanted.read_only = opened.read_only;
  ASSIGN_OR_RETURN(const auto mounted,
                   host_.MountDisk(wanted, std::move(opened.fd), opened.driver, [this](const std::string& note) {
                     log_.Info(absl::StrCat("mounting a disk: ", note));
                   }));
  log_.Info(absl::StrCat("mounted ", Escaped(mounted.source), " as ", mounted.name));
  *response.mutable_disk() = ToDisk(mounted);
  return absl::OkStatus();
}

absl::Status DiskService::Unmount(const std::string& disk, v1::UnmountDiskResponse& response) {
  for (const auto& there : host_.shared_disks()) {
    if (!disk.empty() && there.name != disk && !(disk.starts_with('/') && IsSame(there.source, disk))) continue;
    RETURN_IF_ERROR(host_.UnmountDisk(there.name));
    log_.Info(absl::StrCat("unmounted ", Escaped(there.source)));
    *response.add_disks() = ToDisk(there);
  }
  if (disk.empty() || response.disks_size() > 0) return absl::OkStatus();
  return Error(absl::StatusCode::kNotFound, reason::kFileNotFound,
               absl::StrCat("No disk ", Escaped(disk), " is mounted. 'wslm status' lists those that are."),
               {{"path", disk}});
}

grpc::ServerUnaryReactor* DiskService::MountDisk(grpc::CallbackServerContext* context,
                                                 const v1::MountDiskRequest* request, v1::MountDiskResponse* response) {
  return Answer(context, workers_, [this, request, response] { return Mount(*request, *response); });
}

grpc::ServerUnaryReactor* DiskService::UnmountDisk(grpc::CallbackServerContext* context,
                                                   const v1::UnmountDiskRequest* request,
                                                   v1::UnmountDiskResponse* response) {
  return Answer(context, workers_, [this, request, response] { return Unmount(request->disk(), *response); });
}

grpc::ServerUnaryReactor* DiskService::ListDisks(grpc::CallbackServerContext* context, const v1::ListDisksRequest*,
                                                 v1::ListDisksResponse* response) {
  return Answer(context, workers_, [this, response] {
    for (const auto& disk : host_.shared_disks()) *response->add_disks() = ToDisk(disk);
    return absl::OkStatus();
  });
}

}  // namespace wslm::daemon
