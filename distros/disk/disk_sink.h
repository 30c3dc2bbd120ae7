// File trees written as disk images: what is exported to qcow2, VHD, VHDX or raw ext4.
#ifndef WSLM_DISTROS_DISK_DISK_SINK_H_
#define WSLM_DISTROS_DISK_DISK_SINK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "distros/disk/disk_format.h"
#include "distros/host/cancel.h"
#include "distros/tree/sink.h"

namespace wslm {

struct DiskSinkOptions {
  // Bytes that a guest sees; 0: DefaultDiskSize(content).
  int64_t size = 0;
  // About as many bytes as there will be in it, when known (Source::total() of an image does).
  int64_t content = 0;
  // Volume label, at most 16 bytes.
  std::string label;
  // Looked at every 50 ms while Commit converts; may be null.
  const CancelFlag* cancel = nullptr;
};

// 64 GiB, which cost nothing before they are used, or more: twice the content, in whole GiB.
int64_t DefaultDiskSize(int64_t content);

// Makes the disk image `path`, which must not exist, mode 0600. It is a bare ext4 file system without partitions, as
// WSL takes it ('wsl --import-in-place', 'wsl --import --vhd') and wslm too. For all but raw the tree is first written
// to a raw image beside it, which has no name and so never stays; Commit converts and makes durable. A sink that goes
// without a Commit that was OK removes `path`.
//
// Errors of this: FILE_EXISTS, INVALID_ARGUMENT (size, label), HOST_UNSUPPORTED (no mke2fs), DISK_FULL, IO_ERROR; of
// Commit also CANCELLED, HOST_UNSUPPORTED (no qemu-img).
absl::StatusOr<std::unique_ptr<Sink>> CreateDiskSink(const std::string& path, DiskFormat format,
                                                     const DiskSinkOptions& options);

}  // namespace wslm

#endif  // WSLM_DISTROS_DISK_DISK_SINK_H_
