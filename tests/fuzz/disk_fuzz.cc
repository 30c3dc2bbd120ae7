// Bytes as a disk image. Bits of the first byte choose:
//  1: the bytes are those of a VHDX without the empty room in it, pieces of 512 bytes for the offsets where its headers
//  and tables lie, and what is left for its content;
//  2: checksums are made right, so that changes get beyond them.
#include <zlib.h>

#include <algorithm>

#include "distros/disk/adoption.h"
#include "distros/disk/content_reader.h"
#include "distros/disk/disk_format.h"
#include "distros/disk/disk_layout.h"
#include "distros/ext4/filesystem.h"
#include "tests/fuzz/fuzz.h"

using namespace wslm;

namespace {

constexpr size_t kTable = 64 << 10;
constexpr size_t kMegabyte = 1 << 20;

void Put(std::string& image, size_t at, uint64_t value, int bytes, bool big_endian) {
  for (int i = 0; i < bytes; ++i) {
    image[at + static_cast<size_t>(i)] = static_cast<char>(value >> (8 * (big_endian ? bytes - 1 - i : i)));
  }
}

bool HasAt(const std::string& image, size_t at, std::string_view magic, size_t size) {
  return image.size() >= at + size && image.compare(at, magic.size(), magic) == 0;
}

// Castagnoli's, as VHDX has it.
void MendVhdx(std::string& image, size_t at, std::string_view magic, size_t size) {
  if (!HasAt(image, at, magic, size)) return;
  Put(image, at + 4, 0, 4, false);
  const uint32_t crc = ext4::ContinueChecksum(~uint32_t{0}, std::string_view(image).substr(at, size));
  Put(image, at + 4, ~crc, 4, false);
}

void MendVhd(std::string& image, size_t at, std::string_view magic, size_t size, size_t checksum) {
  if (!HasAt(image, at, magic, size)) return;
  Put(image, at + checksum, 0, 4, true);
  uint32_t sum = 0;
  for (size_t i = at; i < at + size; ++i) sum += static_cast<unsigned char>(image[i]);
  Put(image, at + checksum, ~sum, 4, true);
}

uint32_t Crc32(const std::string& image, size_t at, size_t size) {
  return static_cast<uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(image.data() + at), static_cast<uInt>(size)));
}

void MendGpt(std::string& image, size_t sector) {
  constexpr size_t kHeader = 92;
  if (!HasAt(image, sector, "EFI PART", kHeader)) return;
  const auto number = [&](size_t at) { return static_cast<unsigned char>(image[sector + at]); };
  const size_t table = number(72) * sector;
  const size_t size = size_t{number(80)} * (number(84) + 256 * number(85));
  if (table + size <= image.size()) Put(image, sector + 88, Crc32(image, table, size), 4, false);
  Put(image, sector + 16, 0, 4, false);
  Put(image, sector + 16, Crc32(image, sector, kHeader), 4, false);
}

void Mend(std::string& image) {
  for (const size_t at : {kTable, 2 * kTable}) MendVhdx(image, at, "head", 4096);
  for (const size_t at : {3 * kTable, 4 * kTable}) MendVhdx(image, at, "regi", kTable);
  constexpr size_t kFooter = 512;
  MendVhd(image, 0, "conectix", kFooter, 64);
  MendVhd(image, kFooter, "cxsparse", 1024, 36);
  if (image.size() > kFooter) MendVhd(image, image.size() - kFooter, "conectix", kFooter, 64);
  for (const size_t sector : {512, 4096}) MendGpt(image, sector);
}

std::string Vhdx(std::string_view bytes) {
  constexpr size_t kPiece = 512;
  // File type, two headers, two tables of regions, metadata and its values, table of blocks, the first block.
  constexpr size_t kOffsets[] = {
      0, kTable, 2 * kTable, 3 * kTable, 4 * kTable, kMegabyte, kMegabyte + kTable, 2 * kMegabyte, 3 * kMegabyte};
  std::string image;
  for (const size_t offset : kOffsets) {
    image.resize(offset);
    const std::string_view piece = bytes.substr(0, offset == 3 * kMegabyte ? bytes.size() : kPiece);
    image += piece;
    bytes.remove_prefix(piece.size());
  }
  image.resize(4 * kMegabyte);
  return image;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes = fuzz::TextOf(data + 1, size - 1);
  std::string image = (data[0] & 1) != 0 ? Vhdx(bytes) : std::string(bytes);
  if ((data[0] & 2) != 0) Mend(image);
  const fuzz::MemoryFile file(image);
  const absl::StatusOr<AdoptFacts> adopted = InspectForAdoption(file.path());
  if (adopted.ok()) {
    FUZZ_CHECK(adopted->disk.format != DiskFormat::kQcow2 && !adopted->disk.unclean);
    FUZZ_CHECK(adopted->qemu_driver == "raw" || adopted->qemu_driver == "vpc" || adopted->qemu_driver == "vhdx");
  }
  const absl::StatusOr<DiskFacts> facts = adopted.ok() ? adopted->disk : InspectDisk(file.fd(), "image");
  if (!facts.ok()) return 0;
  FUZZ_CHECK(facts->virtual_size > 0 && facts->virtual_size <= disk::kLargestDisk);
  FUZZ_CHECK(DiskFormatName(facts->format) != "unknown");
  if (facts->unclean) return 0;
  const auto content = disk::OpenContent(file.fd(), "image", *facts);
  if (!content.ok()) return 0;
  const absl::StatusOr<disk::Ext4Place> place = disk::FindExt4(**content);
  if (place.ok()) {
    FUZZ_CHECK(place->offset >= 0 && place->length > 0 && place->length <= facts->virtual_size - place->offset);
  }
  // Anywhere, across blocks, and at the end.
  for (const uint64_t at : {uint64_t{0}, uint64_t{kMegabyte - 100}, static_cast<uint64_t>(facts->virtual_size) - 1}) {
    const absl::StatusOr<std::string> read = (*content)->ReadUpTo(at, 300);
    if (read.ok()) FUZZ_CHECK(read->size() <= 300);
  }
  return 0;
}
