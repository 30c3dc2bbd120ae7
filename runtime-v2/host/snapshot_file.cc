#include "runtime-v2/host/snapshot_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/scratch_file.h"
#include "distros/host/status_macros.h"
#include "distros/host/write_at.h"
#include "distros/tree/fast_hash.h"

namespace wslm {
namespace {

// What is left out, or not, as a whole. Kernels give memory back in far larger pieces.
constexpr int64_t kChunk = 64 << 10;
// Of the devices; seen: 0.4 MB.
constexpr int64_t kLargestState = 64 << 20;
constexpr int64_t kLargestKey = 64 << 10;
constexpr char kMagic[8] = {'w', 's', 'l', 'm', 'v', 'm', '0', '1'};

// The file: this, the key, a bit for each chunk of the memory (1: it is here), these chunks, the state, the hash of all
// that. In the machine's own byte order: it is a cache of this machine's.
struct Beginning {
  char magic[8];
  int64_t tsc_khz;
  int64_t memory_size;
  int64_t state_size;
  int64_t key_size;
};

absl::Status Damaged(const std::string& path, const char* what) {
  return absl::DataLossError("The snapshot " + path + " is damaged: " + what + ".");
}

absl::StatusOr<int64_t> SizeOf(int fd, const std::string& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return ErrnoError("cannot look at", path);
  return static_cast<int64_t>(status.st_size);
}

absl::Status ReadAt(int fd, char* bytes, int64_t size, int64_t offset, const std::string& path) {
  while (size > 0) {
    const ssize_t count = ::pread(fd, bytes, static_cast<size_t>(size), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError("cannot read", path);
    if (count == 0) return Damaged(path, "it is cut short");
    bytes += count;
    offset += count;
    size -= count;
  }
  return absl::OkStatus();
}

bool IsZero(std::string_view bytes) {
  return bytes.empty() || (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

int64_t ChunksIn(int64_t size) { return (size + kChunk - 1) / kChunk; }
int64_t BytesOfMap(int64_t chunks) { return (chunks + 7) / 8; }
bool Has(const std::string& map, int64_t chunk) {
  return (static_cast<uint8_t>(map[static_cast<size_t>(chunk / 8)]) >> (chunk % 8) & 1) != 0;
}
int64_t SizeOfChunk(int64_t chunk, int64_t memory_size) { return std::min(kChunk, memory_size - chunk * kChunk); }

// Calls `visit(chunk)` for each chunk that may hold something, in order, until it fails.
template <class Visit>
absl::Status VisitData(int memory, int64_t size, const Visit& visit) {
  int64_t next = 0;
  for (int64_t end = 0; end < size;) {
    const int64_t begin = ::lseek(memory, end, SEEK_DATA);
    if (begin < 0 && errno == ENXIO) break;
    end = begin < 0 ? begin : ::lseek(memory, begin, SEEK_HOLE);
    if (end < 0) return ErrnoError("cannot look at", "memory");
    for (next = std::max(next, begin / kChunk); next * kChunk < end; ++next) RETURN_IF_ERROR(visit(next));
  }
  return absl::OkStatus();
}

// The end of the file, byte after byte, with its hash.
class Writer {
 public:
  Writer(int fd, const std::string& path) : fd_(fd), path_(path) {}

  absl::Status Write(std::string_view bytes) {
    hash_.Update(bytes);
    RETURN_IF_ERROR(WriteAt(fd_, offset_, bytes, path_));
    offset_ += bytes.size();
    return absl::OkStatus();
  }
  absl::Status Finish() {
    const FastHash::Digest digest = hash_.Finish();
    return WriteAt(fd_, offset_, {reinterpret_cast<const char*>(digest.data()), digest.size()}, path_);
  }

 private:
  const int fd_;
  const std::string& path_;
  FastHash hash_;
  uint64_t offset_ = 0;
};

class Reader {
 public:
  Reader(int fd, const std::string& path) : fd_(fd), path_(path) {}

  absl::Status Read(char* bytes, int64_t size) {
    RETURN_IF_ERROR(ReadAt(fd_, bytes, size, offset_, path_));
    hash_.Update(std::string_view(bytes, static_cast<size_t>(size)));
    offset_ += size;
    return absl::OkStatus();
  }
  // What follows is the hash of all that was read.
  absl::Status Finish() {
    FastHash::Digest digest;
    RETURN_IF_ERROR(ReadAt(fd_, reinterpret_cast<char*>(digest.data()), digest.size(), offset_, path_));
    return hash_.Finish() == digest ? absl::OkStatus() : Damaged(path_, "its hash is another");
  }

 private:
  const int fd_;
  const std::string& path_;
  FastHash hash_;
  int64_t offset_ = 0;
};

}  // namespace

absl::StatusOr<UniqueFd> MakeMemory(const char* name, int64_t size) {
  UniqueFd memory(::memfd_create(name, MFD_CLOEXEC));
  if (!memory || ::ftruncate(memory.get(), size) != 0) return ErrnoError("cannot make", name);
  return memory;
}

absl::Status WriteSnapshot(const std::string& path, const SnapshotHead& head, int memory, int state) {
  ASSIGN_OR_RETURN(const int64_t memory_size, SizeOf(memory, "memory"));
  ASSIGN_OR_RETURN(const int64_t state_size, SizeOf(state, "state"));
  if (state_size > kLargestState) {
    return Error(absl::StatusCode::kInternal, reason::kInternal, "The state of the VM's devices is too large to keep.");
  }
  const auto buffer = std::make_unique<char[]>(kChunk);
  std::string map(static_cast<size_t>(BytesOfMap(ChunksIn(memory_size))), '\0');
  int64_t chunks = 0;
  RETURN_IF_ERROR(VisitData(memory, memory_size, [&](int64_t chunk) -> absl::Status {
    const int64_t size = SizeOfChunk(chunk, memory_size);
    RETURN_IF_ERROR(ReadAt(memory, buffer.get(), size, chunk * kChunk, "memory"));
    if (IsZero({buffer.get(), static_cast<size_t>(size)})) return absl::OkStatus();
    map[static_cast<size_t>(chunk / 8)] = static_cast<char>(map[static_cast<size_t>(chunk / 8)] | 1 << (chunk % 8));
    ++chunks;
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(CheckFreeSpace(ParentPath(path), chunks * kChunk + state_size));
  ASSIGN_OR_RETURN(ScratchFile file, ScratchFile::Make(ParentPath(path), BaseName(path)));
  Beginning beginning{.tsc_khz = head.tsc_khz,
                      .memory_size = memory_size,
                      .state_size = state_size,
                      .key_size = static_cast<int64_t>(head.key.size())};
  std::memcpy(beginning.magic, kMagic, sizeof kMagic);
  Writer writer(file.fd(), file.path());
  RETURN_IF_ERROR(writer.Write({reinterpret_cast<const char*>(&beginning), sizeof beginning}));
  RETURN_IF_ERROR(writer.Write(head.key));
  RETURN_IF_ERROR(writer.Write(map));
  for (int64_t chunk = 0; chunk < ChunksIn(memory_size); ++chunk) {
    if (!Has(map, chunk)) continue;
    const int64_t size = SizeOfChunk(chunk, memory_size);
    RETURN_IF_ERROR(ReadAt(memory, buffer.get(), size, chunk * kChunk, "memory"));
    RETURN_IF_ERROR(writer.Write({buffer.get(), static_cast<size_t>(size)}));
  }
  for (int64_t done = 0; done < state_size; done += kChunk) {
    const int64_t size = std::min(kChunk, state_size - done);
    RETURN_IF_ERROR(ReadAt(state, buffer.get(), size, done, "state"));
    RETURN_IF_ERROR(writer.Write({buffer.get(), static_cast<size_t>(size)}));
  }
  RETURN_IF_ERROR(writer.Finish());
  return file.MoveTo(path);
}

absl::StatusOr<SnapshotHead> ReadSnapshot(const std::string& path, const std::string& key, int memory, int state) {
  ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(path, O_RDONLY));
  ASSIGN_OR_RETURN(const int64_t memory_size, SizeOf(memory, "memory"));
  Reader reader(file.get(), path);
  Beginning beginning{};
  RETURN_IF_ERROR(reader.Read(reinterpret_cast<char*>(&beginning), sizeof beginning));
  if (std::memcmp(beginning.magic, kMagic, sizeof kMagic) != 0 || beginning.key_size < 0 ||
      beginning.key_size > kLargestKey || beginning.state_size < 0 || beginning.state_size > kLargestState) {
    return Damaged(path, "it does not begin as one");
  }
  SnapshotHead head{.key = std::string(static_cast<size_t>(beginning.key_size), '\0'), .tsc_khz = beginning.tsc_khz};
  RETURN_IF_ERROR(reader.Read(head.key.data(), beginning.key_size));
  if (head.key != key) return Damaged(path, "it is of another VM");
  if (beginning.memory_size != memory_size) return Damaged(path, "its memory has another size");
  std::string map(static_cast<size_t>(BytesOfMap(ChunksIn(memory_size))), '\0');
  RETURN_IF_ERROR(reader.Read(map.data(), static_cast<int64_t>(map.size())));
  const auto buffer = std::make_unique<char[]>(kChunk);
  for (int64_t chunk = 0; chunk < ChunksIn(memory_size); ++chunk) {
    if (!Has(map, chunk)) continue;
    const int64_t size = SizeOfChunk(chunk, memory_size);
    RETURN_IF_ERROR(reader.Read(buffer.get(), size));
    RETURN_IF_ERROR(WriteAt(memory, chunk * kChunk, {buffer.get(), static_cast<size_t>(size)}, "memory"));
  }
  for (int64_t done = 0; done < beginning.state_size; done += kChunk) {
    const int64_t size = std::min(kChunk, beginning.state_size - done);
    RETURN_IF_ERROR(reader.Read(buffer.get(), size));
    RETURN_IF_ERROR(WriteAt(state, done, {buffer.get(), static_cast<size_t>(size)}, "state"));
  }
  RETURN_IF_ERROR(reader.Finish());
  if (::lseek(state, 0, SEEK_SET) != 0) return ErrnoError("cannot read", "state");
  return head;
}

}  // namespace wslm
