// Bytes as an image. Journals are replayed by e2fsck in a process of its own, so here they count as clean; the seeds
// have no checksums, which would keep changes from getting anywhere.
#include <cstring>

#include "distros/ext4/ext4.h"
#include "distros/ext4/inode_attributes.h"
#include "distros/tree/transfer.h"
#include "tests/fuzz/checking_sink.h"

using namespace wslm;

namespace {

// Checks also that the attributes it is given are what the writer's half makes of them.
class AttributesSink : public fuzz::CheckingSink {
 public:
  absl::Status Begin(const Entry& entry) override {
    if (!entry.is_hard_link()) {
      ext2_inode_large inode = {};
      inode.i_extra_isize = sizeof inode - EXT2_GOOD_OLD_INODE_SIZE;
      FUZZ_CHECK(ext4::SetAttributes(entry, inode) && ext4::IsLinuxDevice(entry));
      Entry again;
      ext4::GetAttributes(inode, sizeof inode, entry.type, again);
      FUZZ_CHECK(again.mode == entry.mode && again.uid == entry.uid && again.gid == entry.gid);
      FUZZ_CHECK(again.mtime == entry.mtime && again.atime == entry.atime && again.ctime == entry.ctime);
      FUZZ_CHECK(again.rdev_major == entry.rdev_major && again.rdev_minor == entry.rdev_minor);
      FUZZ_CHECK(ext4::DirectoryType(entry.type) != EXT2_FT_UNKNOWN);
    }
    return CheckingSink::Begin(entry);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kIncompatibleFeatures = 1024 + 0x60;
  constexpr char kNeedsRecovery = 0x4;
  std::string image(fuzz::TextOf(data, size));
  if (image.size() <= kIncompatibleFeatures) return 0;
  image[kIncompatibleFeatures] = static_cast<char>(image[kIncompatibleFeatures] & ~kNeedsRecovery);
  const fuzz::MemoryFile file(image);
  absl::StatusOr<std::unique_ptr<Source>> source = OpenExt4Source(file.path());
  if (!source.ok()) return 0;
  const Limits limits = {.entries = 5000, .file_bytes = 8 << 20, .total_bytes = 8 << 20};
  AttributesSink sink;
  Transfer(**source, sink, {.limits = limits}).IgnoreError();
  FUZZ_CHECK((*source)->position() <= (*source)->total());
  return 0;
}
