#include "distros/tar/detect.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"

namespace wslm {
namespace {

using std::string_view_literals::operator""sv;

bool HasAt(std::string_view head, size_t offset, std::string_view magic) {
  return head.size() >= offset + magic.size() && head.substr(offset, magic.size()) == magic;
}

// The header of a tar of any dialect, old ones without a magic too: its checksum is right. Two ways to add were in use.
bool IsTar(std::string_view head) {
  constexpr size_t kBlock = 512;
  constexpr size_t kChecksum = 148;
  constexpr size_t kChecksumSize = 8;
  if (head.size() < kBlock) return false;
  uint64_t stored = 0;
  bool digits = false;
  for (const char c : head.substr(kChecksum, kChecksumSize)) {
    if (c == ' ' && !digits) continue;
    if (c < '0' || c > '7') break;
    stored = stored * 8 + static_cast<uint64_t>(c - '0');
    digits = true;
  }
  int64_t unsigned_sum = 0;
  int64_t signed_sum = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    const char c = i >= kChecksum && i < kChecksum + kChecksumSize ? ' ' : head[i];
    unsigned_sum += static_cast<unsigned char>(c);
    signed_sum += static_cast<signed char>(c);
  }
  return digits && (static_cast<int64_t>(stored) == unsigned_sum || static_cast<int64_t>(stored) == signed_sum);
}

// An archive without members: nothing but its end. All of it is looked at, since disk images begin with zeros, too.
bool IsEmptyTar(std::string_view head) {
  return head.size() >= 1024 && head.size() < kDetectBytes && head.size() % 512 == 0 &&
         head.find_first_not_of('\0') == std::string_view::npos;
}

bool IsText(std::string_view head) {
  const std::string_view start = head.substr(0, 4096);
  return std::all_of(start.begin(), start.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 || byte == '\n' || byte == '\r' || byte == '\t' || byte == '\f' || byte == 0x1B;
  });
}

struct Known {
  size_t offset;
  std::string_view magic;
  // In the metadata, for programs.
  const char* id;
  // "is ...".
  const char* what;
  const char* remedy;
};

constexpr char kUnpack[] = "Unpack it and pack its files with 'tar -c'; as root, so that their owners are kept.";
constexpr char kDisk[] = "Disk images are imported from a file of their own, uncompressed. Unpack it first.";

constexpr Known kKnown[] = {
    {0, "PK\x03\x04"sv, "zip", "a zip archive", "If it holds a tar archive, unpack that and import it."},
    {0, "PK\x05\x06"sv, "zip", "an empty zip archive", "Import a tar archive."},
    {0, "7z\xBC\xAF\x27\x1C"sv, "7z", "a 7z archive", kUnpack},
    {0, "Rar!\x1A\x07"sv, "rar", "a RAR archive", kUnpack},
    {0, "hsqs"sv, "squashfs", "a squashfs image",
     "Unpack it with 'unsquashfs' as root and pack its files with 'tar -c'."},
    {0, "sqsh"sv, "squashfs", "a squashfs image",
     "Unpack it with 'unsquashfs' as root and pack its files with 'tar -c'."},
    {0, "QFI\xFB"sv, "qcow2", "a qcow2 disk image", kDisk},
    {0, "vhdxfile"sv, "vhdx", "a VHDX disk image", kDisk},
    {0, "conectix"sv, "vhd", "a VHD disk image", kDisk},
    {0, "KDMV"sv, "vmdk", "a VMDK disk image", kDisk},
    {64, "\x7F\x10\xDA\xBE"sv, "vdi", "a VirtualBox disk image", kDisk},
    {1080, "\x53\xEF"sv, "ext4", "an ext4 file system image", kDisk},
    {0, "XFSB"sv, "xfs", "an XFS file system image", kDisk},
    {65600, "_BHRfS_M"sv, "btrfs", "a btrfs file system image", kDisk},
    {1024, "\xE2\xE1\xF5\xE0"sv, "erofs", "an EROFS image", kDisk},
    {32769, "CD001"sv, "iso9660", "an ISO image",
     "An installer can't be imported; look for the distribution's root file system or container image as a tar "
     "archive."},
    {512, "EFI PART"sv, "disk", "the image of a whole disk", kDisk},
    {0, "070701"sv, "cpio", "a cpio archive", kUnpack},
    {0, "070702"sv, "cpio", "a cpio archive", kUnpack},
    {0, "070707"sv, "cpio", "a cpio archive", kUnpack},
    {0, "!<arch>\n"sv, "ar", "an ar archive or a Debian package", "Import a root file system packed as a tar archive."},
    {0, "\xED\xAB\xEE\xDB"sv, "rpm", "an RPM package", "Import a root file system packed as a tar archive."},
    {0,
     "\x7F"
     "ELF"sv,
     "elf", "a program", "Import a root file system packed as a tar archive."},
    {0, "MZ"sv, "exe", "a Windows program or package", "Import a root file system packed as a tar archive."},
    {0, "%PDF-"sv, "pdf", "a PDF document", "Import a root file system packed as a tar archive."},
    {510, "\x55\xAA"sv, "disk", "the image of a whole disk", kDisk},
};

const Known* FindKnown(std::string_view head) {
  const auto found = std::find_if(std::begin(kKnown), std::end(kKnown),
                                  [&](const Known& known) { return HasAt(head, known.offset, known.magic); });
  return found == std::end(kKnown) ? nullptr : found;
}

}  // namespace

ContentKind DetectContent(std::string_view head) {
  if (HasAt(head, 0, "\x1F\x8B"sv)) return ContentKind::kGzip;
  constexpr std::string_view kCompressed[] = {"\xFD\x37\x7A\x58\x5A\x00"sv, "\x28\xB5\x2F\xFD"sv, "BZh"sv,
                                              "\x04\x22\x4D\x18"sv};
  for (const std::string_view magic : kCompressed) {
    if (HasAt(head, 0, magic)) return ContentKind::kCompressed;
  }
  // A zstd or lz4 stream may begin with a skippable frame (pzstd writes one).
  if (head.size() >= 4 && HasAt(head, 1, "\x2A\x4D\x18"sv) && (static_cast<unsigned char>(head[0]) & 0xF0) == 0x50) {
    return ContentKind::kCompressed;
  }
  if (IsTar(head) || IsEmptyTar(head)) return ContentKind::kTar;
  const Known* known = FindKnown(head);
  return known != nullptr && known->remedy == kDisk ? ContentKind::kDisk : ContentKind::kOther;
}

absl::Status UnsupportedContent(std::string_view head, std::string_view name, bool compressed) {
  std::string id = "unknown";
  std::string what = "no archive that wslm knows";
  std::string remedy =
      "Import a tar archive (.tar, .tar.gz, .tar.xz, .tar.zst, .tar.bz2, .tar.lz4) of a root file system.";
  if (head.empty()) {
    id = "empty";
    what = "empty";
    remedy = "Perhaps the download or export that made it failed; make it again.";
  } else if (const Known* known = FindKnown(head); known != nullptr) {
    id = known->id;
    what = absl::StrCat(known->what, ", no tar archive");
    remedy = known->remedy;
  } else if (IsText(head)) {
    id = "text";
    what = "a text file, no tar archive";
  }
  return Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat,
               absl::StrCat(Escaped(name), compressed ? ", unpacked, is " : " is ", what, ". ", remedy),
               {{"detected", id}, {"path", std::string(name)}});
}

}  // namespace wslm
