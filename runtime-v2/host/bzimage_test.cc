#include "runtime-v2/host/bzimage.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#include "distros/host/error.h"
#include "distros/host/files.h"

namespace wslm {
namespace {

std::string Compressed(const std::string& content, int (*filter)(archive*)) {
  std::string bytes(content.size() + 65536, '\0');
  size_t used = 0;
  archive* writer = ::archive_write_new();
  filter(writer);
  ::archive_write_set_format_raw(writer);
  ::archive_write_set_bytes_per_block(writer, 0);
  ::archive_write_open_memory(writer, bytes.data(), bytes.size(), &used);
  archive_entry* entry = ::archive_entry_new();
  ::archive_entry_set_filetype(entry, AE_IFREG);
  ::archive_write_header(writer, entry);
  ::archive_write_data(writer, content.data(), content.size());
  ::archive_entry_free(entry);
  ::archive_write_close(writer);
  ::archive_write_free(writer);
  bytes.resize(used);
  return bytes;
}

void Put(std::string& bytes, size_t offset, const void* value, size_t size) {
  std::memcpy(bytes.data() + offset, value, size);
}

std::string BzImageWith(const std::string& payload) {
  constexpr uint8_t kSectors = 2;
  constexpr uint32_t kOffset = 100;
  const auto length = static_cast<uint32_t>(payload.size());
  const uint16_t version = 0x020F;
  std::string bytes((kSectors + 1) * 512 + kOffset, '\0');
  Put(bytes, 0x1F1, &kSectors, 1);
  Put(bytes, 0x202, "HdrS", 4);
  Put(bytes, 0x206, &version, 2);
  Put(bytes, 0x248, &kOffset, 4);
  Put(bytes, 0x24C, &length, 4);
  return bytes + payload + "what comes after";
}

class BzImageTest : public testing::Test {
 protected:
  BzImageTest() : output_(testing::TempDir() + "/bzimage_test-" + std::to_string(::getpid())) {}
  ~BzImageTest() override { ::unlink(output_.c_str()); }

  const std::string output_;
  const std::string elf_ = std::string("\177ELF").append(300'000, 'k');
  // The build appends it to all but gzip.
  const std::string size_field_ = "\x01\x02\x03\x04";
};

TEST_F(BzImageTest, UnpacksTheKernelWhateverItsCompression) {
  const std::pair<const char*, std::string> payloads[] = {
      {"xz", Compressed(elf_, ::archive_write_add_filter_xz) + size_field_},
      {"zstd", Compressed(elf_, ::archive_write_add_filter_zstd) + size_field_},
      {"lz4", Compressed(elf_, ::archive_write_add_filter_lz4) + size_field_},
      {"gzip", Compressed(elf_, ::archive_write_add_filter_gzip)},
  };
  for (const auto& [name, payload] : payloads) {
    ::unlink(output_.c_str());
    const absl::Status status = ExtractVmlinux(BzImageWith(payload), output_);
    EXPECT_TRUE(status.ok()) << name << ": " << status;
    EXPECT_EQ(ReadSmallFile(output_).value_or(""), elf_) << name;
  }
}

TEST_F(BzImageTest, RefusesWhatIsNoKernel) {
  const std::string image = BzImageWith(Compressed(elf_, ::archive_write_add_filter_xz) + size_field_);
  const std::string bad[] = {
      "",
      std::string(4096, 'x'),
      image.substr(0, image.size() / 2),
      BzImageWith("no compression at all, and no ELF file"),
      BzImageWith(Compressed("packed, and no ELF file", ::archive_write_add_filter_xz) + size_field_),
  };
  for (const std::string& bytes : bad) {
    ::unlink(output_.c_str());
    EXPECT_EQ(ReasonOf(ExtractVmlinux(bytes, output_)), reason::kKernelUnavailable);
  }
}

}  // namespace
}  // namespace wslm
