#include "distros/disk/ext4_facts.h"

#include <ext2fs/ext2fs.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "distros/ext4/filesystem.h"
#include "distros/host/status_macros.h"
#include "distros/tree/sink.h"

namespace wslm::disk {
namespace {

constexpr size_t kFileMax = 64 << 10;

// libext2fs reads through one of these; its table of functions is C's.
struct Channel {
  struct_io_channel channel{};
  std::string name = "content";
  const HeaderReader* content = nullptr;
};

errcode_t ReadBlocks(io_channel channel, unsigned long long block, int count, void* data) {
  // A negative count is of bytes.
  const size_t size = count < 0 ? static_cast<size_t>(-int64_t{count})
                                : static_cast<size_t>(count) * static_cast<size_t>(channel->block_size);
  const HeaderReader* content = static_cast<const Channel*>(channel->private_data)->content;
  const auto block_size = static_cast<unsigned long long>(channel->block_size);
  if (block > static_cast<unsigned long long>(kLargestDisk) / block_size) return EXT2_ET_SHORT_READ;
  const absl::StatusOr<std::string> bytes = content->Read(block * block_size, size);
  if (!bytes.ok()) return EXT2_ET_SHORT_READ;
  std::memcpy(data, bytes->data(), size);
  return 0;
}

// What libext2fs hands to the function that opens: the address of the reader, as text, since it takes names only.
std::string NameOf(const HeaderReader& content) {
  char name[32];
  std::snprintf(name, sizeof name, "%p", static_cast<const void*>(&content));
  return name;
}

errcode_t CloseChannel(io_channel channel) {
  if (--channel->refcount == 0) delete static_cast<Channel*>(channel->private_data);
  return 0;
}

errcode_t OpenChannel(const char* name, int, io_channel* result);

struct_io_manager Manager() {
  struct_io_manager manager{};
  manager.magic = EXT2_ET_MAGIC_IO_MANAGER;
  manager.name = "wslm content";
  manager.open = OpenChannel;
  manager.close = CloseChannel;
  manager.set_blksize = [](io_channel channel, int size) -> errcode_t {
    channel->block_size = size;
    return 0;
  };
  manager.read_blk = [](io_channel channel, unsigned long block, int count, void* data) {
    return ReadBlocks(channel, block, count, data);
  };
  manager.read_blk64 = ReadBlocks;
  manager.write_blk = [](io_channel, unsigned long, int, const void*) -> errcode_t { return EXT2_ET_RO_FILSYS; };
  manager.write_blk64 = [](io_channel, unsigned long long, int, const void*) -> errcode_t { return EXT2_ET_RO_FILSYS; };
  manager.flush = [](io_channel) -> errcode_t { return 0; };
  return manager;
}

struct_io_manager& TheManager() {
  static struct_io_manager manager = Manager();
  return manager;
}

errcode_t OpenChannel(const char* name, int, io_channel* result) {
  void* content = nullptr;
  if (std::sscanf(name, "%p", &content) != 1) return EXT2_ET_BAD_DEVICE_NAME;
  auto channel = std::make_unique<Channel>();
  channel->channel.magic = EXT2_ET_MAGIC_IO_CHANNEL;
  channel->channel.manager = &TheManager();
  channel->channel.name = channel->name.data();
  channel->channel.block_size = 1024;
  channel->channel.refcount = 1;
  // libext2fs keeps something of its own in app_data.
  channel->channel.private_data = channel.get();
  channel->content = static_cast<const HeaderReader*>(content);
  *result = &channel.release()->channel;
  return 0;
}

struct CloseFilesystem {
  void operator()(ext2_filsys filesystem) const { ext2fs_free(filesystem); }
};
struct CloseFile {
  void operator()(ext2_file_t file) const { ext2fs_file_close(file); }
};

// The inode that the name leads to, links followed as inside the distro.
std::optional<ext2_ino_t> Find(ext2_filsys filesystem, const char* path) {
  ext2_ino_t inode = 0;
  if (ext2fs_namei_follow(filesystem, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &inode) != 0) return std::nullopt;
  return inode;
}

std::optional<std::string> ReadFile(ext2_filsys filesystem, const char* path) {
  const std::optional<ext2_ino_t> number = Find(filesystem, path);
  if (!number) return std::nullopt;
  ext2_inode inode;
  if (ext2fs_read_inode(filesystem, *number, &inode) != 0 || !LINUX_S_ISREG(inode.i_mode)) return std::nullopt;
  ext2_file_t opened = nullptr;
  if (ext2fs_file_open(filesystem, *number, 0, &opened) != 0) return std::nullopt;
  const std::unique_ptr<std::remove_pointer_t<ext2_file_t>, CloseFile> file(opened);
  std::string text(kFileMax, '\0');
  unsigned int got = 0;
  if (ext2fs_file_read(file.get(), text.data(), kFileMax, &got) != 0) return std::nullopt;
  text.resize(got);
  return text;
}

class NoSink : public Sink {
 public:
  absl::Status Begin(const Entry&) override { return absl::OkStatus(); }
  absl::Status Write(const DataBlock&) override { return absl::OkStatus(); }
  absl::Status End() override { return absl::OkStatus(); }
  absl::Status Commit() override { return absl::OkStatus(); }
};

}  // namespace

absl::StatusOr<ImageFacts> ReadExt4Facts(const HeaderReader& content) {
  ext2_filsys handle = nullptr;
  const errcode_t error =
      ext2fs_open2(NameOf(content).c_str(), nullptr, EXT2_FLAG_64BITS, 0, 0, &TheManager(), &handle);
  if (error != 0) return ext4::LibraryError(error, "cannot open the file system in", content.path());
  const std::unique_ptr<struct_ext2_filsys, CloseFilesystem> filesystem(handle);

  NoSink end;
  FactsFilter filter(end);
  for (const char* path : {"etc/os-release", "usr/lib/os-release", "etc/wsl.conf"}) {
    const std::optional<std::string> text = ReadFile(filesystem.get(), path);
    if (!text) continue;
    RETURN_IF_ERROR(filter.Begin({.path = path, .size = static_cast<int64_t>(text->size())}));
    RETURN_IF_ERROR(filter.Write({0, *text}));
    RETURN_IF_ERROR(filter.End());
  }
  if (Find(filesystem.get(), "bin/sh")) {
    RETURN_IF_ERROR(filter.Begin({.path = "bin/sh"}));
    RETURN_IF_ERROR(filter.End());
  }
  return filter.facts();
}

}  // namespace wslm::disk
