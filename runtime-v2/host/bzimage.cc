#include "runtime-v2/host/bzimage.h"

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <fcntl.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

constexpr size_t kSetupSectors = 0x1F1;
constexpr size_t kHeaderMagic = 0x202;
constexpr size_t kVersion = 0x206;
constexpr size_t kPayloadOffset = 0x248;
constexpr size_t kPayloadLength = 0x24C;
constexpr size_t kHeaderEnd = 0x250;
constexpr size_t kSectorSize = 512;
// Some ten times what a distribution's kernel has.
constexpr size_t kLargestKernel = size_t{1} << 30;
// The payload's fields came with this version of the boot protocol.
constexpr uint16_t kFirstVersion = 0x0208;

template <typename Number>
Number ReadNumber(std::string_view bytes, size_t offset) {
  Number number;
  std::memcpy(&number, bytes.data() + offset, sizeof number);
  return number;
}

absl::Status NoKernel(std::string_view why) {
  return Error(absl::StatusCode::kFailedPrecondition, reason::kKernelUnavailable, std::string(why) + ".");
}

struct ArchiveDeleter {
  void operator()(archive* reader) const { ::archive_read_free(reader); }
};

}  // namespace

absl::StatusOr<std::string_view> BzImagePayload(std::string_view bzimage) {
  if (bzimage.size() < kHeaderEnd || bzimage.substr(kHeaderMagic, 4) != "HdrS" ||
      ReadNumber<uint16_t>(bzimage, kVersion) < kFirstVersion) {
    return NoKernel("it is no bzImage");
  }
  const auto sectors = static_cast<uint8_t>(bzimage[kSetupSectors]);
  const size_t start =
      (size_t{sectors == 0 ? uint8_t{4} : sectors} + 1) * kSectorSize + ReadNumber<uint32_t>(bzimage, kPayloadOffset);
  const size_t length = ReadNumber<uint32_t>(bzimage, kPayloadLength);
  if (start > bzimage.size() || length > bzimage.size() - start) return NoKernel("it is cut short");
  return bzimage.substr(start, length);
}

absl::Status ExtractVmlinux(std::string_view bzimage, const std::string& output) {
  ASSIGN_OR_RETURN(std::string_view payload, BzImagePayload(bzimage));
  // Except with gzip, which has it itself, the build appends the unpacked size; xz would take it for damage.
  if (!payload.starts_with("\x1F\x8B") && payload.size() > 4) payload.remove_suffix(4);
  const std::unique_ptr<archive, ArchiveDeleter> reader(::archive_read_new());
  // Not all that libarchive knows: for some it runs programs.
  for (const auto support :
       {archive_read_support_filter_gzip, archive_read_support_filter_xz, archive_read_support_filter_zstd,
        archive_read_support_filter_lz4, archive_read_support_filter_bzip2, archive_read_support_filter_lzma}) {
    support(reader.get());
  }
  ::archive_read_support_format_raw(reader.get());
  archive_entry* entry = nullptr;
  if (::archive_read_open_memory(reader.get(), payload.data(), payload.size()) != ARCHIVE_OK ||
      ::archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK) {
    return NoKernel("its compression is not known");
  }
  ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(output, O_WRONLY | O_CREAT | O_EXCL, 0644));
  std::vector<char> buffer(size_t{1} << 20);
  bool first = true;
  size_t total = 0;
  while (true) {
    const la_ssize_t count = ::archive_read_data(reader.get(), buffer.data(), buffer.size());
    if (count < 0) return NoKernel("its compressed part is damaged");
    if (count == 0) break;
    total += static_cast<size_t>(count);
    if (total > kLargestKernel) return NoKernel("what is packed in it is no kernel");
    if (first && (count < SELFMAG || std::memcmp(buffer.data(), ELFMAG, SELFMAG) != 0)) {
      return NoKernel("what is packed in it is no ELF file");
    }
    first = false;
    for (la_ssize_t written = 0; written < count;) {
      const ssize_t size = ::write(file.get(), buffer.data() + written, static_cast<size_t>(count - written));
      if (size < 0) return ErrnoError("cannot write", output);
      written += size;
    }
  }
  return first ? NoKernel("nothing is packed in it") : absl::OkStatus();
}

}  // namespace wslm
