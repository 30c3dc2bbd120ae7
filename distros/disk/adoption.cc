#include "distros/disk/adoption.h"

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distros/disk/qemu_img.h"
#include "distros/disk/raw_view.h"
#include "distros/ext4/ext4.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

class NoSink : public Sink {
 public:
  absl::Status Begin(const Entry&) override { return absl::OkStatus(); }
  absl::Status Write(const DataBlock&) override { return absl::OkStatus(); }
  absl::Status End() override { return absl::OkStatus(); }
  absl::Status Commit() override { return absl::OkStatus(); }
};

// Files larger than this have no facts, and their content is not read.
constexpr int64_t kSmall = 64 << 10;

absl::StatusOr<ImageFacts> FactsOf(Source& source, const CancelFlag* cancel) {
  NoSink end;
  FactsFilter filter(end);
  Entry entry;
  while (true) {
    if (cancel != nullptr && cancel->load(std::memory_order_relaxed)) {
      return Error(absl::StatusCode::kCancelled, reason::kCancelled, "The operation was cancelled.");
    }
    ASSIGN_OR_RETURN(const bool more, source.Next(entry));
    if (!more) return filter.facts();
    RETURN_IF_ERROR(filter.Begin(entry));
    const std::string_view name = std::string_view(entry.path).substr(entry.path.rfind('/') + 1);
    // Those that the filter looks into.
    const bool is_read = name == "os-release" || name == "initrd-release" || name == "wsl.conf";
    while (is_read && entry.type == FileType::kRegular && !entry.is_hard_link() && entry.size <= kSmall) {
      ASSIGN_OR_RETURN(const std::optional<DataBlock> block, source.Read());
      if (!block) break;
      RETURN_IF_ERROR(filter.Write(*block));
    }
    RETURN_IF_ERROR(filter.End());
  }
}

absl::Status RefuseToAdopt(const std::string& path, std::string_view detected, std::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat,
               absl::StrCat(Escaped(path), " can't be used in place: ", std::string(what),
                            ". Import it: 'wslm import NAME FILE'."),
               {{"detected", std::string(detected)}, {"path", path}});
}

}  // namespace

absl::StatusOr<AdoptFacts> InspectForAdoption(const std::string& path, const std::string& scratch_folder,
                                              const CancelFlag* cancel) {
  AdoptFacts facts;
  ASSIGN_OR_RETURN(facts.disk, InspectDisk(path));
  if (facts.disk.format == DiskFormat::kQcow2) return RefuseToAdopt(path, "qcow2", "it is a qcow2 image");
  ASSIGN_OR_RETURN(const disk::RawView view, disk::ViewAsRaw(path, scratch_folder, cancel));
  if (view.ext4.in_partition) return RefuseToAdopt(path, "disk", "its file system lies in a partition");
  facts.disk = view.facts;
  facts.qemu_driver = disk::QemuDriver(view.facts.format);
  facts.needs_check = view.ext4.needs_check;
  // A copy may be replayed; with the image itself, old facts are better than a write.
  const DirtyJournal journal = view.copy ? DirtyJournal::kReplay : DirtyJournal::kIgnore;
  ASSIGN_OR_RETURN(const std::unique_ptr<Source> source, OpenExt4Source(view.path, journal));
  absl::StatusOr<ImageFacts> image = FactsOf(*source, cancel);
  if (image.ok()) {
    facts.image = *std::move(image);
  } else if (!view.ext4.needs_check || ReasonOf(image.status()) == reason::kCancelled) {
    return image.status();
  }
  return facts;
}

}  // namespace wslm
